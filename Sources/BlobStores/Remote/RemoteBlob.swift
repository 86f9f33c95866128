internal import CustodeCore
internal import HTTPFetch
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// An object of a bucket behind a network, opened; every read is of the same writing of it.
final class RemoteBlob: OpenBlob {
    /// Asks for a range, of the object that was opened and no other.
    typealias Fetch = @Sendable (ByteRange) async throws(BlobStoreError) -> FetchBody

    let size: Int64
    let facts: BlobFacts?
    fileprivate let fetch: Fetch
    fileprivate let refusal: @Sendable (FetchError) -> BlobStoreError
    /// A range whose bytes are on their way since the opening.
    private let first: Mutex<(range: ByteRange, body: FetchBody)?>

    init(
        facts: BlobFacts, first: (ByteRange, FetchBody)?, refusal: @escaping @Sendable (FetchError) -> BlobStoreError,
        fetch: @escaping Fetch
    ) {
        size = facts.size
        self.facts = facts
        self.fetch = fetch
        self.refusal = refusal
        self.first = Mutex(first.map { (range: $0.0, body: $0.1) })
    }

    var file: NIOFileHandle? { nil }

    /// A `Range` field.
    static func field(_ range: ByteRange) -> String { "bytes=\(range.first)-\(range.last)" }

    /// Whether a reply holds a part that begins where a range does.
    static func begins(_ head: FetchHead, with range: ByteRange) -> Bool {
        head.status == 206 && head["content-range"]?.hasPrefix("bytes \(range.first)-") == true
    }

    func read(_ range: ByteRange) -> AsyncThrowingStream<ByteBuffer, any Error> {
        let reading = RemoteReading(range, of: self, body: takeFirst(range))
        return AsyncThrowingStream { try await reading.next() }
    }

    private func takeFirst(_ range: ByteRange) -> FetchBody? {
        first.withLock { first in
            guard let (ready, body) = first, ready == range else { return nil }
            first = nil
            return body
        }
    }
}

/// One reading of a range, which goes on where a connection broke.
private final class RemoteReading: Sendable {
    /// How often it takes up again what broke off.
    private static let resumptions = 4

    private struct State {
        var offset: Int64
        var body: FetchBody?
        var resumptions = 0
    }

    private let blob: RemoteBlob
    private let last: Int64
    private let state: Mutex<State>

    init(_ range: ByteRange, of blob: RemoteBlob, body: FetchBody?) {
        self.blob = blob
        last = range.last
        state = Mutex(State(offset: range.first, body: body))
    }

    func next() async throws(BlobStoreError) -> ByteBuffer? {
        while true {
            let (offset, known) = state.withLock { ($0.offset, $0.body) }
            guard offset <= last else { return nil }
            let body: FetchBody
            if let known {
                body = known
            } else {
                guard last < blob.size else { throw .unavailable("a range lies beyond its object") }
                body = try await blob.fetch(ByteRange(first: offset, last: last))
                state.withLock { $0.body = body }
            }
            do throws(FetchError) {
                guard let piece = try await body.next() else {
                    throw FetchError(.broken, "an object ended before its end")
                }
                let isLast = try take(piece, at: offset)
                // A reply that is not read to its end takes its connection with it.
                if isLast { try? await body.drain() }
                return piece
            } catch {
                try mayResume(after: error)
            }
        }
    }

    /// Counts a piece; tells whether it is the last.
    private func take(_ piece: ByteBuffer, at offset: Int64) throws(FetchError) -> Bool {
        let end = offset + Int64(piece.readableBytes)
        guard end <= last + 1 else { throw FetchError(.malformed, "an object has more bytes than it was said to have") }
        state.withLock { state in
            state.offset = end
            if end > last { state.body = nil }
        }
        return end > last
    }

    private func mayResume(after error: FetchError) throws(BlobStoreError) {
        let mayTryAgain = state.withLock { state in
            state.body = nil
            state.resumptions += 1
            return state.resumptions <= Self.resumptions
        }
        guard error.code == .broken || error.code == .timedOut, mayTryAgain else { throw blob.refusal(error) }
    }
}
