internal import NIOCore

extension ResumableUploads {
    /// Makes an upload that is held of the partial ones it names.
    ///
    /// Interrupted, it goes on where it was.
    public func join(_ held: ResumableUpload) async throws -> Standing {
        var readers: [any OpenBlob] = []
        do {
            for id in held.parts {
                guard let part = try await uploads.find(upload: id)?.upload, case .done = part.state else {
                    throw Refusal.uploadGone("A partial upload is gone; begin a new one.")
                }
                readers.append(try await store.read(part.staged))
            }
        } catch {
            if error is Refusal { try await end(held, .terminated) } else { await letGo(held) }
            throw error
        }
        var request = Append(offset: held.offset)
        request.count = readers.reduce(0) { $0 + $1.size } - held.offset
        return try await append(held, request, body: { JoinedBlobs(readers, from: held.offset) }, stop: {})
    }
}

/// The bytes of several blobs, one behind the other.
private struct JoinedBlobs: AsyncSequence {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    private let blobs: [any OpenBlob]
    private let start: Int64

    init(_ blobs: [any OpenBlob], from start: Int64) {
        self.blobs = blobs
        self.start = start
    }

    func makeAsyncIterator() -> Iterator { Iterator(rest: blobs[...], skip: start) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate var rest: ArraySlice<any OpenBlob>
        fileprivate var skip: Int64
        private var current: AsyncThrowingStream<ByteBuffer, any Error>.AsyncIterator?

        fileprivate init(rest: ArraySlice<any OpenBlob>, skip: Int64) {
            self.rest = rest
            self.skip = skip
        }

        mutating func next() async throws -> ByteBuffer? {
            while true {
                if let piece = try await current?.next() { return piece }
                guard let blob = rest.popFirst() else { return nil }
                if skip >= blob.size {
                    skip -= blob.size
                } else {
                    current = blob.read(ByteRange(first: skip, last: blob.size - 1)).makeAsyncIterator()
                    skip = 0
                }
            }
        }
    }
}
