/// Judges a body while it streams, holding back no more of it than the judgement needs.
///
/// Feed it every piece with ``consume(_:)`` and end with ``finish()``. On ``Step/needMore`` keep what came
/// so far; on ``Step/sniff(_:)`` ask libmagic and give its answer to ``sniffed(_:)``; on ``Step/pass``, and
/// after an answer that did not throw, forward what was kept. Text can fail at its last byte, and a long
/// ID3 tag passes before what lies behind it is known: publish nothing before ``finish()``, and the answer
/// to a sniff it asks for, came through.
///
/// The judge keeps 4 KiB of its own; the caller keeps 4 KiB, or up to 64 KiB of an ID3 tag, and one piece.
public struct BodyJudge: Sendable {
    /// What the caller does next.
    public enum Step: Sendable, Equatable {
        /// Nothing is decided: keep the bytes back.
        case needMore
        /// Ask libmagic about these bytes, and tell ``BodyJudge/sniffed(_:)``.
        case sniff([UInt8])
        /// Bytes may be forwarded.
        case pass
    }

    enum Phase: Equatable {
        case gathering
        case skippingTag(left: Int)
        case skippingPadding
        case asked
        case media
        case text
    }

    /// How many bytes a judgement looks at.
    static let windowLength = 4096
    /// How many bytes of a tag the caller is asked to keep back.
    static let heldTagLength = 64 * 1024

    /// The type to store: decided with the body, without parameters.
    ///
    /// For objects of text it is the claim where every family of it is accepted, and `nil` otherwise,
    /// where the kind of the object names the type. For media it is `nil` until the body is judged.
    public internal(set) var contentType: String?

    private let accepted: Set<MediaFamily>
    private let claim: MediaType?
    private let isTextual: Bool
    private let mayBeEmpty: Bool
    var phase: Phase
    var window: [UInt8] = []
    var text = TextValidator()
    var isBehindTag = false
    var tagBytes = 0
    var isEmpty = true
    private var hasEnded = false

    /// Starts on the body of an object.
    ///
    /// - Parameters:
    ///   - accepted: The families that the object takes.
    ///   - claim: The type that the client named; opaque ones count as none.
    ///   - textual: Whether the object is text of some kind: then UTF-8 decides and nothing is sniffed.
    ///   - mayBeEmpty: Whether a body without a byte is a valid one.
    public init(accepted: Set<MediaFamily>, claim: MediaType?, textual: Bool, mayBeEmpty: Bool) {
        self.accepted = accepted
        self.claim = claim.flatMap { $0.isOpaque ? nil : $0 }
        self.mayBeEmpty = mayBeEmpty
        isTextual = textual
        phase = textual ? .text : .gathering
        guard textual, let claim = self.claim else { return }
        let families = MediaFamily.ofClaim(claim)
        guard !families.isEmpty, families.isSubset(of: accepted) else { return }
        contentType = MediaType.canonicalType(ofFinding: claim.essence)
    }

    /// Whether what the body is has been decided; text may still prove ill-formed.
    public var isDecided: Bool {
        switch phase {
        case .media, .text: true
        default: false
        }
    }

    /// Takes the next bytes of the body.
    ///
    /// - Throws: ``BodyRefusal`` when they cannot be part of this object.
    public mutating func consume(_ bytes: RawSpan) throws(BodyRefusal) -> Step {
        if case .media = phase { return .pass }
        guard bytes.byteCount > 0 else { return interim }
        if isEmpty {
            isEmpty = false
            try checkTextualClaim()
        }
        if mayBeText { text.consume(bytes) }
        if case .text = phase {
            try checkText()
            return .pass
        }
        return gather(bytes) ? .sniff(window) : interim
    }

    /// Ends the body; a short one may be sniffed only now.
    ///
    /// - Throws: ``BodyRefusal`` when what came is not the whole of such an object.
    public mutating func finish() throws(BodyRefusal) -> Step {
        hasEnded = true
        if isEmpty {
            guard mayBeEmpty else { throw .empty }
            try checkTextualClaim()
            return .pass
        }
        switch phase {
        case .media: return .pass
        case .text:
            text.finish()
            try checkText()
            return .pass
        case .skippingTag, .skippingPadding: throw .emptyTag
        case .gathering where isBehindTag && window.isEmpty: throw .emptyTag
        case .gathering, .asked:
            phase = .asked
            return .sniff(window)
        }
    }

    /// Takes libmagic's answer to a ``Step/sniff(_:)``.
    ///
    /// - Throws: ``BodyRefusal`` when this object does not take such a body.
    public mutating func sniffed(_ mime: String) throws(BodyRefusal) {
        guard case .asked = phase else { return }
        if hasEnded { text.finish() }
        let finding = finding(mime)
        if isBehindTag, !finding.hasPrefix("audio/") || MediaFamily.ofFinding(finding).isEmpty {
            throw .emptyTag
        }
        let isText = finding == "text/plain"
        try checkFamilies(finding)
        phase = isText ? .text : .media
        contentType = MediaType.canonicalType(ofFinding: isText ? claim?.essence ?? finding : finding)
        window = []
        if isText { try checkText() }
    }
}

extension BodyJudge {
    /// What to do while nothing is decided: a tag that is longer than anybody should keep passes.
    private var interim: Step {
        isDecided || tagBytes > Self.heldTagLength ? .pass : .needMore
    }

    private var mayBeText: Bool {
        isTextual || (!isBehindTag && !accepted.isDisjoint(with: MediaFamily.textual))
    }

    /// Adds to the window, passing over tags, and says whether it is full.
    private mutating func gather(_ bytes: RawSpan) -> Bool {
        var index = 0
        while index < bytes.byteCount {
            switch phase {
            case .skippingTag(let left):
                let count = min(left, bytes.byteCount - index)
                index += count
                tagBytes += count
                phase = count == left ? .skippingPadding : .skippingTag(left: left - count)
            case .skippingPadding:
                // Taggers leave room behind a tag; it is zeros.
                if unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self) != 0 {
                    phase = .gathering
                } else {
                    index += 1
                    tagBytes += 1
                }
            case .gathering:
                let goal = window.count < ID3Tag.headerLength ? ID3Tag.headerLength : Self.windowLength
                let count = min(goal - window.count, bytes.byteCount - index)
                let piece = bytes.extracting(index..<index + count)
                unsafe piece.withUnsafeBytes { unsafe window.append(contentsOf: $0) }
                index += count
                if window.count == ID3Tag.headerLength { skipTag() }
                if window.count == Self.windowLength {
                    phase = .asked
                    return true
                }
            case .asked, .media, .text: return false
            }
        }
        return false
    }

    private mutating func skipTag() {
        guard let tag = ID3Tag(window) else { return }
        isBehindTag = true
        tagBytes += window.count
        let left = tag.length - window.count
        phase = left > 0 ? .skippingTag(left: left) : .skippingPadding
        window = []
    }

    /// What the window holds, where libmagic's answer is too easily had or too vague.
    private func finding(_ mime: String) -> String {
        var finding = mime
        switch finding {
        case "audio/mpeg":
            if !FrameSync.isMPEGAudio(window, isWhole: hasEnded) { finding = Self.unknown }
        case "audio/x-hx-aac-adts":
            if !FrameSync.isADTS(window, isWhole: hasEnded) { finding = Self.unknown }
        default: break
        }
        if finding == Self.unknown { finding = LeadingBytes.type(of: window) ?? finding }
        // Text may begin like something else: "GIF89a is a format".
        let isWanted = !MediaFamily.ofFinding(finding).isDisjoint(with: accepted) && !claimsText
        if !isWanted, !MediaFamily.isRefused(finding), windowIsText { return "text/plain" }
        return finding
    }

    private static let unknown = "application/octet-stream"

    private var claimsText: Bool {
        claim.map { !MediaFamily.ofClaim($0).isDisjoint(with: MediaFamily.textual) } ?? false
    }

    private var windowIsText: Bool {
        guard !isBehindTag else { return false }
        var validator = TextValidator()
        unsafe validator.consume(window.span.bytes)
        if hasEnded { validator.finish() }
        return validator.fault == nil
    }

    private func checkFamilies(_ finding: String) throws(BodyRefusal) {
        let found = MediaFamily.isRefused(finding) ? [] : MediaFamily.ofFinding(finding)
        let claimed = claim.map { MediaFamily.ofClaim($0) }
        let isAccepted = !found.isDisjoint(with: accepted)
        if let claim, let claimed, claimed.isDisjoint(with: found) {
            // A claim that is true, or accepted nowhere, is not at odds with the bytes.
            if isAccepted || !claimed.isEmpty {
                if finding == Self.unknown, let fault = text.fault, !claimed.isDisjoint(with: [.text]) {
                    throw .notText(offset: fault)
                }
                throw .typeMismatch(claimed: claim.essence, found: finding)
            }
        }
        guard isAccepted else { throw .typeNotAccepted(found: finding) }
    }

    /// Refuses a claim that names something other than this object of text.
    private func checkTextualClaim() throws(BodyRefusal) {
        guard isTextual, let claim else { return }
        let claimed = MediaFamily.ofClaim(claim)
        guard !claimed.isDisjoint(with: accepted) else {
            throw .typeMismatch(claimed: claim.essence, found: "text/plain")
        }
    }

    private func checkText() throws(BodyRefusal) {
        if let fault = text.fault { throw .notText(offset: fault) }
    }
}
