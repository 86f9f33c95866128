internal import NIOCore

/// Judges a body while it streams, asking libmagic where that is needed.
struct TypeJudgement {
    private(set) var judge: BodyJudge
    private let sniffer: any TypeSniffer
    private let object: ObjectName

    /// - Parameters:
    ///   - rule: What the object may hold.
    ///   - claim: The type that the client named.
    init(_ object: ObjectName, _ rule: Policy.ObjectRule, claim: MediaType?, sniffer: any TypeSniffer) {
        let isText = !object.isInput && rule.isTextual
        judge = BodyJudge(accepted: rule.families, claim: claim, textual: isText, mayBeEmpty: isText)
        self.sniffer = sniffer
        self.object = object
    }

    /// The type to publish it as; final once the body has ended.
    ///
    /// Behind a long ID3 tag something else than MPEG audio may still come; the key's name is chosen before.
    var contentType: String { judge.contentType ?? (object.isInput ? "audio/mpeg" : Self.usualType(of: object)) }

    /// Goes on from what ``BodyJudge/state`` was.
    mutating func resume(_ state: [UInt8]) -> Bool { judge.resume(state) }

    /// Takes the next piece.
    ///
    /// - Returns: Whether what came so far may be stored.
    /// - Throws: ``Refusal/unsupportedType(_:)``; what the sniffer throws.
    mutating func take(_ buffer: ByteBuffer) async throws -> Bool {
        try await follow(Self.refusing { () throws(BodyRefusal) in try judge.consume(buffer.readableBytesSpan) })
    }

    /// Takes the end of the body.
    mutating func finish() async throws {
        _ = try await follow(Self.refusing { () throws(BodyRefusal) in try judge.finish() })
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
