import CustodeTesting
import Testing

@testable import CustodeCore

@Suite("a judgement that is kept between the pieces of a body")
struct BodyJudgeStateTests {
    /// What became of a body: how often its judge asked and let pass, and how it ended.
    private struct Story: Equatable {
        var asked: [[UInt8]] = []
        var passed: [Bool] = []
        var refusal: BodyRefusal?
        var type: String?
    }

    private static let bodies: [(name: String, bytes: [UInt8], textual: Bool)] = [
        ("a sound", CustodeTesting.Sample.wav(samples: 4_000), false),
        ("less than is looked at", CustodeTesting.Sample.wav(samples: 100), false),
        ("a tag that is held", BodyJudgeTests.tag(30_000) + frames, false),
        ("a tag that is not", BodyJudgeTests.tag(70_000) + frames, false),
        ("padding behind a tag", BodyJudgeTests.tag(500) + [UInt8](repeating: 0, count: 9_000) + frames, false),
        ("text", Array(String(repeating: "naïve ☃ 🎈 ", count: 900).utf8), true),
        ("text that is cut short", Array(String(repeating: "☃", count: 2_000).utf8.dropLast()), true),
        ("text with a wrong byte", Array(String(repeating: "☃", count: 2_000).utf8) + [0xFF, 0x41], true),
        ("text for media", Array(String(repeating: "naïve ☃ ", count: 900).utf8), false),
    ]
    private static let frames = Array(repeatElement(BodyJudgeTests.frame, count: 30).joined())

    private static func judge(_ textual: Bool) -> BodyJudge {
        BodyJudge(
            accepted: textual ? [.text] : [.audio, .text], claim: nil, textual: textual, mayBeEmpty: textual)
    }

    /// Judges a body in pieces; between them another judge may take over.
    private static func story(_ body: [UInt8], _ cuts: [Int], textual: Bool, resuming: Bool) -> Story {
        var story = Story()
        var judge = judge(textual)
        func follow(_ step: BodyJudge.Step) throws(BodyRefusal) {
            guard case .sniff(let bytes) = step else { return story.passed.append(step == .pass) }
            story.asked.append(bytes)
            try judge.sniffed(
                textual || bytes.first == 0x6E ? "text/plain" : bytes[0] == 0xFF ? "audio/mpeg" : "audio/x-wav")
        }
        do throws(BodyRefusal) {
            for (start, end) in zip([0] + cuts, cuts + [body.count]) {
                try follow(judge.consume(body[start..<end].span.bytes))
                guard resuming else { continue }
                var next = Self.judge(textual)
                let isState = next.resume(judge.state)
                #expect(isState)
                judge = next
            }
            try follow(judge.finish())
        } catch {
            story.refusal = error
        }
        story.type = judge.contentType
        return story
    }

    @Test("whoever goes on comes to the same end, wherever the body was cut", arguments: bodies.indices)
    func sameEnd(index: Int) {
        let (name, body, textual) = Self.bodies[index]
        var generator = SeededGenerator(seed: UInt64(index) + 1)
        for _ in 0..<60 {
            let count = Int.random(in: 0...6, using: &generator)
            let near = [1, 9, 10, 11, 4_095, 4_096, 4_106, body.count - 1].filter { (1..<body.count).contains($0) }
            let cuts = (0..<count).map { _ in
                Bool.random(using: &generator)
                    ? near.randomElement(using: &generator) ?? 1 : Int.random(in: 1..<body.count, using: &generator)
            }.sorted()
            let alone = Self.story(body, cuts, textual: textual, resuming: false)
            let resumed = Self.story(body, cuts, textual: textual, resuming: true)
            #expect(alone == resumed, "\(name), cut at \(cuts)")
        }
    }

    @Test("a state of counters or a window that no judgement comes to is none")
    func impossible() throws {
        var judge = Self.judge(false)
        _ = try judge.consume(CustodeTesting.Sample.wav(samples: 2).span.bytes)
        let state = judge.state
        func spoilt(_ place: Int, _ bytes: [UInt8]) -> [UInt8] {
            state[..<place] + bytes + state[(place + bytes.count)...]
        }
        let largest: [UInt8] = [0x7F] + [UInt8](repeating: 0xFF, count: 7)
        // The bytes of a tag, the offset of the text, what is missing of a sequence.
        var states = [11, 27, 43].map { spoilt($0, largest) } + [spoilt(43, [0xFF])]
        // A window longer than is ever kept.
        states.append(
            Array(state[..<53]) + [0, 0, 0, 0, 0, 0, 0x20, 0] + [UInt8](repeating: 1, count: 0x2000)
                + [UInt8](repeating: 0, count: 8))
        for state in states {
            var other = Self.judge(false)
            let isState = other.resume(state)
            #expect(!isState)
        }
    }

    @Test("what is no state is told as such, and traps nowhere")
    func noState() {
        var judge = Self.judge(false)
        _ = try? judge.consume(CustodeTesting.Sample.wav(samples: 100).span.bytes)
        let state = judge.state
        for count in 0..<state.count {
            var other = Self.judge(false)
            let isState = other.resume(Array(state[..<count]))
            #expect(!isState)
        }
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<2_000 {
            var broken = state
            broken[Int.random(in: 0..<broken.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            var other = Self.judge(false)
            _ = other.resume(broken)
        }
    }
}
