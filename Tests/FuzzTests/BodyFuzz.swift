import CustodeTesting
import Testing

@testable import CustodeCore

@Suite("fuzzing the judgement of bodies", .serialized)
struct BodyFuzz {
    /// What became of a body: what its judge asked about, and how it ended.
    private struct Verdict: Equatable {
        var asked: [[UInt8]] = []
        var refusal: BodyRefusal?
        var type: String?
    }

    /// What a judge is to judge, and as what.
    private struct Setting {
        var accepted: Set<MediaFamily> = [.text]
        var claim: MediaType?
        var isTextual = true
        var mayBeEmpty = false
        /// What libmagic is to say.
        var finding = "audio/mpeg"

        func judge() -> BodyJudge {
            BodyJudge(accepted: accepted, claim: claim, textual: isTextual, mayBeEmpty: mayBeEmpty)
        }
    }

    private static func verdict(_ body: [UInt8], _ cuts: [Int], _ setting: Setting, resuming: Bool) throws -> Verdict {
        var verdict = Verdict()
        var judge = setting.judge()
        func follow(_ step: BodyJudge.Step) throws(BodyRefusal) {
            guard case .sniff(let bytes) = step else { return }
            verdict.asked.append(bytes)
            try judge.sniffed(setting.finding)
        }
        do throws(BodyRefusal) {
            for (start, end) in zip([0] + cuts, cuts + [body.count]) {
                try follow(judge.consume(body[start..<end].span.bytes))
                guard resuming else { continue }
                var next = setting.judge()
                guard next.resume(judge.state) else { return verdict }
                judge = next
            }
            try follow(judge.finish())
            verdict.type = judge.contentType
        } catch {
            verdict.refusal = error
        }
        return verdict
    }

    /// Places to cut a body at: any, those that its judge counts to, and those within a character.
    private static func cuts(_ body: [UInt8], _ random: inout SeededGenerator) -> [Int] {
        let near = [0, 1, 9, 10, 11, 4_095, 4_096, 4_106, body.count].filter { $0 <= body.count }
        let within = body.indices.filter { body[$0] & 0xC0 == 0x80 }
        return (0..<Int.random(in: 0...6, using: &random)).compactMap { _ in
            switch Int.random(in: 0..<3, using: &random) {
            case 0: near.randomElement(using: &random)
            case 1: within.randomElement(using: &random)
            default: Int.random(in: 0...body.count, using: &random)
            }
        }.sorted()
    }

    private static let frame: [UInt8] = [0xFF, 0xFB, 0x90, 0x64] + [UInt8](repeating: 0, count: 413)
    private static let aac: [UInt8] = [0xFF, 0xF1, 0x50, 0x80, 0x02, 0x00, 0xFC] + [UInt8](repeating: 1, count: 9)
    private static let tag: [UInt8] = Array("ID3".utf8) + [4, 0, 0, 0, 0, 2, 0] + [UInt8](repeating: 0, count: 300)
    private static let packets = [[UInt8]](repeating: [0x47] + [UInt8](repeating: 0, count: 187), count: 4).flatMap {
        $0
    }
    private static let samples: [[UInt8]] = [
        Sample.wav(samples: 2_100), Sample.wav(samples: 20), Sample.text(), tag + frame + frame, frame + frame + frame,
        aac + aac + aac, packets, Array("1\n00:00:01,000 --> 00:00:02,000\nnaïve ☃ 🎈\n".utf8),
        Array("{\"a\":[1]}".utf8),
        Array("<!DOCTYPE html><script>".utf8), Array(String(repeating: "☃", count: 1_500).utf8), [],
        // Overlong, a surrogate, beyond the last plane, cut short.
        [0x61, 0xE0, 0x80, 0x80, 0x62], [0xF0, 0x8F, 0x80, 0x80], [0xED, 0xA0, 0x80], [0x61, 0xF4, 0x90, 0x80, 0x80],
        [0x61, 0xE2, 0x98],
        Array("caff\0\u{1}\0\0desc".utf8), tag + [UInt8](repeating: 0, count: 4_000) + frame,
    ]
    private static let tokens: [[UInt8]] = [
        frame, aac, tag, Array("ID3".utf8), [0xFF, 0xFB], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xC0, 0x80],
        [0], [0xE2, 0x98],
        Array("☃".utf8), Array("TAG".utf8), [0xEF, 0xBB, 0xBF], [0x7F, 0x45, 0x4C, 0x46],
        [UInt8](repeating: 0x41, count: 900),
    ]

    private static func fuzzer(_ name: String) -> Fuzzer {
        var fuzzer = Fuzzer(name, corpus: samples, tokens: tokens)
        fuzzer.longest = 9_000
        return fuzzer
    }

    @Test("a body is judged the same in one piece, in any pieces, and by whoever goes on from the state that was kept")
    func pieces() async throws {
        let findings = [
            "audio/mpeg", "audio/x-wav", "text/plain", "application/octet-stream", "video/webm", "text/html",
            "audio/x-hx-aac-adts",
            "application/json", "", "no type at all", "audio/\u{301}",
        ]
        let claims = [
            nil, "audio/mpeg", "text/plain", "audio/wav", "application/json", "application/octet-stream", "x/y",
        ]
        try await Self.fuzzer("bodies").run { trial in
            var random = trial.random
            var setting = Setting()
            setting.accepted = Set(MediaFamily.allCases.filter { _ in Bool.random(using: &random) })
            setting.claim = claims.randomElement(using: &random).flatMap { $0 }.flatMap(MediaType.init)
            setting.isTextual = Bool.random(using: &random)
            setting.mayBeEmpty = Bool.random(using: &random)
            setting.finding = findings.randomElement(using: &random) ?? ""
            let whole = try Self.verdict(trial.bytes, [], setting, resuming: false)
            let cuts = Self.cuts(trial.bytes, &random)
            for resuming in [false, true] {
                let other = try Self.verdict(trial.bytes, cuts, setting, resuming: resuming)
                try hold(other == whole, "\(setting), cut at \(cuts), resuming \(resuming): \(whole) and \(other)")
            }
            try hold(
                whole.asked.count <= 1 && whole.asked.allSatisfy { $0.count <= 4_096 }, "it asks once, of one window")
            try hold(
                whole.refusal != nil || trial.bytes.isEmpty == false || setting.mayBeEmpty, "nothing is not something")
        }
    }

    @Test("text is what the standard library finds to be UTF-8 without NUL, and the fault lies where that ends")
    func text() async throws {
        try await Self.fuzzer("text").run { trial in
            var random = trial.random
            let cuts = Self.cuts(trial.bytes, &random)
            let verdict = try Self.verdict(
                trial.bytes, cuts, Setting(mayBeEmpty: true), resuming: Bool.random(using: &random))
            func isText(_ bytes: ArraySlice<UInt8>) -> Bool {
                !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
            }
            try hold((verdict.refusal == nil) == isText(trial.bytes[...]), "\(verdict)")
            guard let refusal = verdict.refusal else { return }
            guard case .notText(let offset) = refusal else { throw Broken("\(refusal)") }
            try hold(isText(trial.bytes[..<offset]), "what is before \(offset) is text")
            for more in 1...4 where offset + more <= trial.bytes.count {
                try hold(!isText(trial.bytes[..<(offset + more)]), "there is no text at \(offset)")
            }
        }
    }

    @Test("what is taken for a tag or a frame lies within bounds, and a state that was spoilt traps nowhere")
    func headers() async throws {
        var judge = Setting(accepted: [.audio, .text], isTextual: false).judge()
        _ = try judge.consume(Sample.wav(samples: 100).span.bytes)
        let states = [judge.state, Setting().judge().state]
        var fuzzer = Fuzzer("headers", corpus: Self.samples + states, tokens: Self.tokens)
        fuzzer.longest = 9_000
        try await fuzzer.run { trial in
            if let tag = ID3Tag(trial.bytes) { try hold((10...(1 << 28) + 20).contains(tag.length), "\(tag.length)") }
            for isWhole in [false, true] {
                let isFrame = FrameSync.isMPEGAudio(trial.bytes, isWhole: isWhole)
                let isADTS = FrameSync.isADTS(trial.bytes, isWhole: isWhole)
                try hold(!isFrame && !isADTS || trial.bytes.first == 0xFF, "frames begin with FF")
            }
            _ = LeadingBytes.type(of: trial.bytes)
            _ = MediaType(trial.text)
            for setting in [Setting(), Setting(accepted: [.audio, .text], isTextual: false)] {
                var resumed = setting.judge()
                guard resumed.resume(trial.bytes) else { continue }
                let kept = resumed.state
                var again = setting.judge()
                try hold(again.resume(kept) && again.state == kept, "a state comes back")
                _ = try? resumed.consume(Sample.wav(samples: 3_000).span.bytes)
                _ = try? resumed.finish()
                _ = try? resumed.sniffed("text/plain")
            }
        }
    }
}
