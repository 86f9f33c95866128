internal import NIOCore

/// Watches a body on its way in: counts it against the limits and judges what it is.
struct Reception {
    /// The type to publish it as; final once the body has ended.
    ///
    /// Behind a long ID3 tag something else than MPEG audio may still come; the key's name is chosen before.
    var contentType: String {
        judge.contentType ?? (object.isInput ? "audio/mpeg" : Self.usualType(of: object))
    }

    private let object: ObjectName
    private let request: PutObject.Request
    private let limit: Int64
    private let sniffer: any TypeSniffer
    private var judge: BodyJudge
    private var received: Int64 = 0
    private var hasEnded = false

    init(_ admission: PutObject.Admission, sniffer: any TypeSniffer) {
        object = admission.object
        request = admission.request
        limit = admission.limit
        self.sniffer = sniffer
        let isText = !object.isInput && admission.rule.isTextual
        judge = BodyJudge(
            accepted: admission.rule.families, claim: request.claim, textual: isText, mayBeEmpty: isText)
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
        return try await follow(Self.refusing { () throws(BodyRefusal) in try judge.consume(buffer.readableBytesSpan) })
    }

    /// Takes the end of the body.
    mutating func finish() async throws {
        guard !hasEnded else { return }
        hasEnded = true
        if let length = request.length, received != length { throw Refusal.badRequest(Self.lengthFault) }
        _ = try await follow(Self.refusing { () throws(BodyRefusal) in try judge.finish() })
    }

    /// Compares what a store received with what the client said it would be.
    func check(_ sealed: SealedBlob) throws(Refusal) {
        guard sealed.size == received else { throw .unavailable(.bucket) }
        guard let digest = request.digest, digest != sealed.sha256 else { return }
        throw .badRequest("The body's SHA-256 is not the one in Content-Digest; send it again.")
    }

    private mutating func follow(_ step: BodyJudge.Step) async throws -> Bool {
        switch step {
        case .needMore: return false
        case .pass: return true
        case .sniff(let prefix):
            let finding = try await sniffer.mimeType(of: prefix)
            try Self.refusing { () throws(BodyRefusal) in try judge.sniffed(finding) }
            return true
        }
    }

    private static let lengthFault = "The body is not as long as Content-Length says."

    private static func refusing<T>(_ body: () throws(BodyRefusal) -> T) throws(Refusal) -> T {
        do throws(BodyRefusal) {
            return try body()
        } catch {
            throw .unsupportedType(explanation(error))
        }
    }

    private static func explanation(_ refusal: BodyRefusal) -> String {
        switch refusal {
        case .empty: "The body is empty; this object needs content."
        case .typeMismatch(let claimed, let found):
            "Content-Type says \(claimed), but the content is \(found); send the right one, or none."
        case .typeNotAccepted(let found): "The content is \(found), which this object does not take."
        case .notText(let offset): "The content is not UTF-8 text without NUL: see the byte at offset \(offset)."
        case .emptyTag: "There is an ID3 tag, but no sound behind it."
        }
    }

    /// The type of an object of text whose uploader named none that fits.
    private static func usualType(of object: ObjectName) -> String {
        switch object.text {
        case "srt": "application/x-subrip"
        case "json": "application/json"
        default: "text/plain"
        }
    }
}
