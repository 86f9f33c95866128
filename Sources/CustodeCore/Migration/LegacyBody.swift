internal import NIOCore

/// The bytes of a file from before, as the body of an upload: read no faster than they are stored, and at their end
/// looked at once more.
struct LegacyBody: AsyncSequence, Sendable {
    typealias Element = ByteBuffer

    let blob: any OpenBlob
    let pace: SharedPace?
    /// Whether the file is still what was opened.
    let isUnchanged: @Sendable () async throws -> Bool

    /// Why a file cannot be a body.
    enum Fault: Error {
        /// It cannot be read.
        case unreadable(String)
        /// It is no longer what was opened.
        case changed
    }

    func makeAsyncIterator() -> Iterator { Iterator(self) }

    struct Iterator: AsyncIteratorProtocol {
        private let body: LegacyBody
        private var pieces: AsyncThrowingStream<ByteBuffer, any Error>.Iterator?
        private var hasEnded = false

        init(_ body: LegacyBody) {
            self.body = body
            if body.blob.size > 0 {
                pieces = body.blob.read(ByteRange(first: 0, last: body.blob.size - 1)).makeAsyncIterator()
            }
        }

        mutating func next() async throws -> ByteBuffer? {
            guard !hasEnded else { return nil }
            if let piece = try await read() {
                try await body.pace?.take(Int64(piece.readableBytes))
                return piece
            }
            hasEnded = true
            guard try await body.isUnchanged() else { throw Fault.changed }
            return nil
        }

        private mutating func read() async throws -> ByteBuffer? {
            do {
                return try await pieces?.next()
            } catch BlobStoreError.cancelled {
                throw CancellationError()
            } catch let error as BlobStoreError {
                // A file that was cut short cannot be read to the end that it had.
                guard try await body.isUnchanged() else { throw Fault.changed }
                throw Fault.unreadable("\(error)")
            }
        }
    }
}

/// Holds several readers together to a rate.
actor SharedPace {
    private var pace: Pace
    private let clock: any WallClock
    private let pause: @Sendable (Duration) async throws -> Void

    init(rate: Int64, clock: any WallClock, pause: @escaping @Sendable (Duration) async throws -> Void) {
        pace = Pace(rate: rate, since: clock.now())
        self.clock = clock
        self.pause = pause
    }

    /// Counts bytes that were read, and rests until they were due.
    func take(_ count: Int64) async throws {
        if let rest = pace.rest(count, now: clock.now()) { try await pause(rest) }
    }
}
