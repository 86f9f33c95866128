import NIOCore

/// A body of given pieces, which may end in an error.
struct PieceByPiece: AsyncSequence {
    typealias Element = ByteBuffer
    typealias Failure = any Error

    let pieces: [[UInt8]]
    var failure: (any Error)?
    /// Called before each piece is handed out.
    var before: @Sendable (Int) async -> Void = { _ in }

    func makeAsyncIterator() -> Iterator { Iterator(body: self) }

    struct Iterator: AsyncIteratorProtocol {
        let body: PieceByPiece
        var next = 0

        mutating func next() async throws -> ByteBuffer? {
            try Task.checkCancellation()
            guard next < body.pieces.count else {
                if let failure = body.failure { throw failure }
                return nil
            }
            await body.before(next)
            defer { next += 1 }
            return ByteBuffer(bytes: body.pieces[next])
        }
    }
}
