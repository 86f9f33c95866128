internal import NIOCore

/// Watches a body on its way in: counts it against the limits and judges what it is.
struct Reception {
    /// The type to publish it as; final once the body has ended.
    var contentType: String { judgement.contentType }

    private let request: PutObject.Request
    private let limit: Int64
    private var judgement: TypeJudgement
    private var received: Int64 = 0
    private var hasEnded = false

    init(_ admission: PutObject.Admission, sniffer: any TypeSniffer) {
        request = admission.request
        limit = admission.limit
        judgement = TypeJudgement(admission.object, admission.rule, claim: admission.request.claim, sniffer: sniffer)
    }

    /// Takes the first pieces of a body, until they may be stored; a body that ends before is judged whole.
    mutating func gather(
        _ iterator: inout some AsyncIteratorProtocol<ByteBuffer, any Error>
    ) async throws -> [ByteBuffer] {
        var held: [ByteBuffer] = []
        while let buffer = try await iterator.next(isolation: nil) {
            held.append(buffer)
            if try await judge(buffer) { return held }
        }
        try await finish()
        return held
    }

    /// Takes the next piece.
    ///
    /// - Returns: Whether what came so far may be stored.
    @discardableResult
    mutating func judge(_ buffer: ByteBuffer) async throws -> Bool {
        received += Int64(buffer.readableBytes)
        guard received <= limit else { throw Refusal.tooLarge(limit: limit) }
        if let length = request.length, received > length { throw Refusal.badRequest(Self.lengthFault) }
        return try await judgement.take(buffer)
    }

    /// Takes the end of the body.
    mutating func finish() async throws {
        guard !hasEnded else { return }
        hasEnded = true
        if let length = request.length, received != length { throw Refusal.badRequest(Self.lengthFault) }
        try await judgement.finish()
    }

    /// Compares what a store received with what the client said it would be.
    func check(_ sealed: SealedBlob) throws(Refusal) {
        guard sealed.size == received else { throw .unavailable(.bucket) }
        guard let digest = request.digest, digest != sealed.sha256 else { return }
        throw .badRequest("The body's SHA-256 is not the one in Content-Digest; send it again.")
    }

    private static let lengthFault = "The body is not as long as Content-Length says."
}
