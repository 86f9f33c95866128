import Testing

@testable import CustodeCore

@Suite("judging a body while it streams")
struct BodyJudgeTests {
    /// A frame header of MPEG 1 layer III at 64 kbit/s and 44.1 kHz, and silence: 208 bytes.
    static let frame: [UInt8] = [0xFF, 0xFB, 0x50, 0xC4] + [UInt8](repeating: 0, count: 204)

    static func tag(_ size: Int) -> [UInt8] {
        let length = [21, 14, 7, 0].map { UInt8(size >> $0 & 0x7F) }
        return Array("ID3".utf8) + [3, 0, 0] + length + [UInt8](repeating: 7, count: size)
    }

    private func media(_ claim: String? = nil, _ accepted: Set<MediaFamily> = [.audio, .video]) -> BodyJudge {
        BodyJudge(
            accepted: accepted, claim: claim.flatMap { MediaType($0) }, textual: false, mayBeEmpty: false)
    }

    private func textual(_ claim: String? = nil, _ accepted: Set<MediaFamily> = [.text]) -> BodyJudge {
        BodyJudge(accepted: accepted, claim: claim.flatMap { MediaType($0) }, textual: true, mayBeEmpty: true)
    }

    @Test("4,096 bytes are gathered before the sniff is asked for, and only those")
    func gathers() throws {
        var judge = media()
        let body = [UInt8](repeating: 1, count: 9000)
        #expect(try judge.consume(body[..<4095]) == .needMore)
        #expect(try judge.consume(body[4095...]) == .sniff(Array(body[..<4096])))
        #expect(!judge.isDecided)
        try judge.sniffed("audio/flac")
        #expect(judge.isDecided)
        #expect(judge.contentType == "audio/flac")
        #expect(try judge.consume(body[...]) == .pass)
        #expect(try judge.finish() == .pass)
    }

    @Test("a short body is sniffed at its end")
    func short() throws {
        var judge = media("audio/x-wav")
        #expect(try judge.consume([1, 2, 3]) == .needMore)
        #expect(try judge.finish() == .sniff([1, 2, 3]))
        try judge.sniffed("audio/x-wav")
        #expect(judge.contentType == "audio/wav")
    }

    @Test("an ID3 tag is passed over by its own length, and what lies behind it is sniffed")
    func tagged() throws {
        var judge = media()
        let frames = Array(repeatElement(Self.frame, count: 30).joined())
        #expect(try judge.consume(Self.tag(60_000)[...]) == .needMore)
        #expect(try judge.consume(frames[...]) == .sniff(Array(frames[..<4096])))
        try judge.sniffed("audio/mpeg")
        #expect(judge.contentType == "audio/mpeg")
    }

    @Test("a tag of more than 64 KiB passes for the time being, and is judged all the same")
    func longTag() throws {
        var judge = media()
        #expect(try judge.consume(Self.tag(70_000)[...]) == .pass)
        #expect(!judge.isDecided)
        #expect(try judge.consume(Self.frame[...]) == .pass)
        guard case .sniff = try judge.finish() else { return #expect(Bool(false), "no sniff at the end") }
        #expect(throws: BodyRefusal.emptyTag) { try judge.sniffed("application/octet-stream") }
    }

    @Test("a tag with nothing behind it, or only zeros, or cut short, is refused", arguments: [0, 1, 500])
    func emptyTag(size: Int) throws {
        var judge = media()
        _ = try judge.consume(Self.tag(size)[...])
        #expect(throws: BodyRefusal.emptyTag) { try judge.finish() }
        judge = media()
        _ = try judge.consume(Self.tag(size)[...])
        _ = try judge.consume([UInt8](repeating: 0, count: 9000)[...])
        #expect(throws: BodyRefusal.emptyTag) { try judge.finish() }
        judge = media()
        _ = try judge.consume((Self.tag(size + 500)[..<(size + 100)]))
        #expect(throws: BodyRefusal.emptyTag) { try judge.finish() }
    }

    @Test("audio/mpeg is believed only where two frames agree")
    func frames() throws {
        var judge = media()
        _ = try judge.consume((Self.frame + Self.frame)[...])
        _ = try judge.finish()
        try judge.sniffed("audio/mpeg")
        var other = Self.frame
        other[2] |= 0x04
        judge = media("audio/mpeg")
        _ = try judge.consume((Self.frame + other + other)[...])
        _ = try judge.finish()
        let refusal = BodyRefusal.typeMismatch(claimed: "audio/mpeg", found: "application/octet-stream")
        #expect(throws: refusal) { try judge.sniffed("audio/mpeg") }
    }

    @Test("one whole frame is enough when it is all there is")
    func oneFrame() throws {
        var judge = media()
        _ = try judge.consume(Self.frame[...])
        _ = try judge.finish()
        try judge.sniffed("audio/mpeg")
        judge = media()
        _ = try judge.consume(Self.frame.dropLast())
        _ = try judge.finish()
        #expect(throws: BodyRefusal.self) { try judge.sniffed("audio/mpeg") }
    }

    @Test("the families of claim and finding must meet")
    func families() throws {
        for (claim, finding, isFine) in [
            ("audio/webm", "video/webm", true), ("video/mp4", "audio/x-m4a", true),
            ("application/octet-stream", "audio/flac", true), ("audio/mpeg", "video/x-msvideo", false),
            ("image/png", "audio/flac", false), ("video/mp4", "application/zip", false),
        ] {
            var judge = media(claim)
            _ = try judge.consume([0, 1, 2])
            _ = try judge.finish()
            if isFine {
                try judge.sniffed(finding)
            } else {
                #expect(throws: BodyRefusal.self, "\(claim), \(finding)") { try judge.sniffed(finding) }
            }
        }
    }

    @Test("text behind the first bytes of an input is watched to its end")
    func lateFault() throws {
        var judge = media("text/plain", Set(MediaFamily.allCases))
        let line = [UInt8](repeating: 0x61, count: 5000)
        _ = try judge.consume(line[...])
        try judge.sniffed("application/octet-stream")
        #expect(judge.contentType == "text/plain")
        #expect(try judge.consume(line[...]) == .pass)
        #expect(throws: BodyRefusal.notText(offset: 10_002)) { try judge.consume([0x61, 0x61, 0]) }
    }

    @Test("a fault in the piece that filled the first bytes is not lost with the sniff")
    func faultInFirstPiece() throws {
        var judge = media("text/plain", Set(MediaFamily.allCases))
        guard case .sniff = try judge.consume(([UInt8](repeating: 0x61, count: 5000) + [0xFF])[...]) else {
            return #expect(Bool(false), "no sniff")
        }
        #expect(throws: BodyRefusal.notText(offset: 5000)) { try judge.sniffed("application/octet-stream") }
    }

    @Test("an artifact of text is never sniffed, whatever it speaks of")
    func artifact() throws {
        var judge = textual()
        #expect(judge.isDecided)
        #expect(try judge.consume(Array("<script>import x from 'y'</script>".utf8)[...]) == .pass)
        #expect(try judge.finish() == .pass)
        #expect(judge.contentType == nil)
    }

    @Test("an artifact keeps its claim where the object takes all that this is")
    func artifactType() throws {
        #expect(textual("text/vtt", [.subtitles, .text]).contentType == "text/vtt")
        #expect(textual("text/srt", [.subtitles, .text]).contentType == "application/x-subrip")
        #expect(textual("application/json", [.text]).contentType == nil)
    }

    @Test("an artifact is refused under a claim that it cannot be", arguments: ["video/mp4", "text/html"])
    func artifactMismatch(claim: String) throws {
        var judge = textual(claim)
        let refusal = BodyRefusal.typeMismatch(claimed: claim, found: "text/plain")
        #expect(throws: refusal) { try judge.consume([0x61]) }
        judge = textual(claim)
        #expect(throws: refusal) { try judge.finish() }
    }

    @Test("text that begins like media is text where it is claimed to be, or where the media is not wanted")
    func talkOfMedia() throws {
        let talk = Array("fLaC is what such a file begins with.".utf8)
        for (claim, finding, stored) in [
            (nil, "audio/flac", "audio/flac"), ("text/plain", "audio/flac", "text/plain"),
            (nil, "image/gif", "text/plain"), ("text/vtt", "image/gif", "text/vtt"),
        ] as [(String?, String, String)] {
            var judge = media(claim, Set(MediaFamily.allCases))
            _ = try judge.consume(talk[...])
            _ = try judge.finish()
            try judge.sniffed(finding)
            #expect(judge.contentType == stored)
        }
    }

    @Test("a body without a byte passes only where it may")
    func empty() throws {
        var judge = textual()
        #expect(try judge.consume([]) == .pass)
        #expect(try judge.finish() == .pass)
        judge = media()
        #expect(try judge.consume([]) == .needMore)
        #expect(throws: BodyRefusal.empty) { try judge.finish() }
    }

    @Test("text cut short within a character is refused at the end, at its first byte")
    func cutShort() throws {
        var judge = textual()
        #expect(try judge.consume([0x61, 0xE4, 0xBD]) == .pass)
        #expect(throws: BodyRefusal.notText(offset: 1)) { try judge.finish() }
        judge = media(nil, Set(MediaFamily.allCases))
        _ = try judge.consume([0x61, 0xE4, 0xBD])
        _ = try judge.finish()
        #expect(throws: BodyRefusal.self) { try judge.sniffed("application/octet-stream") }
    }
}

extension BodyJudge {
    fileprivate mutating func consume(_ bytes: ArraySlice<UInt8>) throws(BodyRefusal) -> Step {
        try consume(bytes.span.bytes)
    }
}
