import CustodeTesting
import Testing

@testable import CustodeCore

@Suite("names of objects in the bucket")
struct ObjectKeyTests {
    static let ids = [
        "alice", "auth0|alice", "a/b", "a=2fb", ".", "..", "...", "=2e", "a.b", "A", "a", "\u{E9}", "e\u{301}", "👩‍🎤",
        " ", "%2e%2e", "a b", "=", "==", "users", "\\", "user:1", "-1", "_", "ÿ", "日本", "a\u{202E}b",
        "0198c0de-0000-7000-8000-00000000abcd", "0198C0DE-0000-7000-8000-00000000ABCD", "42", "042",
    ]

    private func key(
        _ user: String, _ job: String, _ object: String = "input", suffix: String? = nil, _ end: String = "wav"
    ) throws -> ObjectKey {
        try ObjectKey(
            user: #require(UserID(user)), job: #require(JobID(job)), object: #require(ObjectName(object)),
            suffix: suffix, extension: end)
    }

    @Test("ownership is in the path, and artifacts are told from inputs by it")
    func shape() throws {
        #expect(try key("7", "42").text == "users/7/jobs/42/input/original.wav")
        #expect(try key("7", "42", "transcript", "txt").text == "users/7/jobs/42/output/transcript.txt")
        let later = try key("7", "42", "transcript", suffix: "ab2345", "txt")
        #expect(later.text == "users/7/jobs/42/output/transcript.ab2345.txt")
    }

    @Test(
        "bytes of ids outside a-z0-9._- become =hh",
        arguments: [
            ("auth0|alice", "auth0=7calice"), ("a/b", "a=2fb"), (".", "=2e"), ("..", "=2e=2e"), ("...", "..."),
            (".a", ".a"), ("A", "=41"), ("=", "=3d"), ("é", "=c3=a9"), ("👍", "=f0=9f=91=8d"), ("a_b-c.d", "a_b-c.d"),
            ("%2e", "=252e"), ("\u{200D}", "=e2=80=8d"),
        ])
    func encoding(id: String, encoded: String) {
        #expect(ObjectKey.encode(id) == encoded)
    }

    @Test("two ids never share a component, not even spellings that Unicode takes for the same")
    func injective() {
        let encoded = Self.ids.map { Array(ObjectKey.encode($0).utf8) }
        #expect(Set(encoded).count == Self.ids.count)
        for component in encoded {
            #expect(component != Array(".".utf8) && component != Array("..".utf8) && !component.isEmpty)
            #expect(!component.contains(UInt8(ascii: "/")) && !component.contains(0))
            #expect(component.allSatisfy { ObjectKey.isPlain($0) || $0 == UInt8(ascii: "=") })
        }
    }

    @Test("random ids never share a component, and come back as they were")
    func injectiveOnRandomIDs() throws {
        var random = SeededGenerator(seed: 1)
        let alphabet = Array("a.=|/e2é\u{301}É👍% A-_\u{202E}".unicodeScalars)
        var byComponent: [[UInt8]: [UInt8]] = [:]
        for _ in 0..<5_000 {
            var scalars = String.UnicodeScalarView()
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                scalars.append(try #require(alphabet.randomElement(using: &random)))
            }
            let id = String(scalars)
            let component = ObjectKey.encode(id)
            let known = byComponent.updateValue(Array(id.utf8), forKey: Array(component.utf8))
            #expect(known == nil || known == Array(id.utf8))
            #expect(ObjectKey.decode(component[...]).map { Array($0.utf8) } == Array(id.utf8))
        }
    }

    @Test("an encoded id of 200 bytes is taken, and one of 201 refused, for users and jobs alike")
    func lengthLimit() throws {
        let longest = String(repeating: "a", count: 200)
        let encodedLongest = String(repeating: "|", count: 66) + "aa"
        for id in [longest, encodedLongest] {
            let made = try key(id, id)
            #expect(ObjectKey(parsing: made.text) == made)
            #expect(throws: ObjectKey.Fault.idTooLong) { try key(id + "a", "1") }
            #expect(throws: ObjectKey.Fault.idTooLong) { try key("1", id + "a") }
        }
    }

    @Test("every key that is written is read back as it was", arguments: ids)
    func roundTrip(id: String) throws {
        for other in Self.ids {
            for (object, suffix) in [("input", nil), ("transcript", nil), ("srt", "az2347"), ("input", "aaaaaa")] {
                let made = try key(id, other, object, suffix: suffix)
                let read = try #require(ObjectKey(parsing: made.text))
                #expect(read == made)
                #expect(read.user.text.utf8.elementsEqual(id.utf8) && read.job.text.utf8.elementsEqual(other.utf8))
                #expect(read.object.text == object && read.suffix == suffix)
            }
        }
    }

    @Test(
        "a key spelled in any other way is not ours",
        arguments: [
            "", "/", "users", "users/7/jobs/42/input/original", "users/7/jobs/42/input/original.",
            "users/7/jobs/42/input/.wav", "users/7/jobs/42/input/original.WAV", "users/7/jobs/42/input/original.wav/",
            "/users/7/jobs/42/input/original.wav", "users//7/jobs/42/input/original.wav",
            "users/7/jobs/42/input//original.wav", "users/7/jobs/42/./input/original.wav",
            "Users/7/jobs/42/input/original.wav", "users/7/job/42/input/original.wav",
            "users//jobs/42/input/original.wav", "users/7/jobs//input/original.wav",
            "users/./jobs/42/input/original.wav", "users/../jobs/42/input/original.wav",
            "users/7/jobs/42/output/original.wav.", "users/7/jobs/42/input/transcript.txt",
            "users/7/jobs/42/output/input.wav", "users/7/jobs/42/output/Transcript.txt",
            "users/7/jobs/42/output/1st.txt", "users/7/jobs/42/output/.txt",
            "users/7/jobs/42/output/transcript.abcde.txt", "users/7/jobs/42/output/transcript.abcdefg.txt",
            "users/7/jobs/42/output/transcript.abcde1.txt", "users/7/jobs/42/output/transcript.ABCDEF.txt",
            "users/7/jobs/42/output/transcript.abcdef.abcdef.txt", "users/7/jobs/42/output/transcript..txt",
            "users/7/jobs/42/input/original.waveaudio", "users/7/jobs/42/input/original.w-v",
            "users/A/jobs/42/input/original.wav", "users/=61/jobs/42/input/original.wav",
            "users/a=7Cb/jobs/42/input/original.wav", "users/a=7/jobs/42/input/original.wav",
            "users/a=/jobs/42/input/original.wav", "users/=2e=2e=2e/jobs/42/input/original.wav",
            "users/.=2e/jobs/42/input/original.wav", "users/=ff/jobs/42/input/original.wav",
            "users/=c3/jobs/42/input/original.wav", "users/=ed=a0=80/jobs/42/input/original.wav",
            "users/=c0=ae/jobs/42/input/original.wav", "users/=00/jobs/42/input/original.wav",
            "users/=0a/jobs/42/input/original.wav", "users/7/jobs/=00/input/original.wav",
            "users/é/jobs/42/input/original.wav", "users/7/jobs/42/input/original.wav\0",
            "users/7/jobs/42/input/original.wav\n", " users/7/jobs/42/input/original.wav",
            "users/7/jobs/42/input/original.wa\u{301}v", "users/7/jobs/42/inp\u{200D}ut/original.wav",
            "users/a%7Cb/jobs/42/input/original.wav", ".trash/2026/users/7/jobs/42/input/original.wav",
            "users\u{301}/7/jobs/42/input/original.wav", "users/\u{301}7/jobs/42/input/original.wav",
        ])
    func nearMisses(text: String) {
        #expect(ObjectKey(parsing: text) == nil)
    }

    @Test("components longer than could have been written are not read")
    func tooLongToParse() {
        #expect(ObjectKey(parsing: "users/\(String(repeating: "a", count: 201))/jobs/1/input/original.wav") == nil)
        #expect(ObjectKey(parsing: "users/1/jobs/\(String(repeating: "=7c", count: 67))/input/original.wav") == nil)
    }

    @Test("whatever one edit makes of a key, it is refused or it is the one spelling of what it says")
    func fuzzOfEdits() throws {
        var random = SeededGenerator(seed: 2)
        let starts = try [
            key("auth0|alice", "42"), key("é", "..", "transcript", suffix: "abc234", "txt"), key("=", "a.b", "json"),
        ].map { Array($0.text.utf8) }
        let letters = Array("abz0129=./_-|AZ\u{0}\n %é".utf8)
        var accepted = 0
        for _ in 0..<15_000 {
            var bytes = try #require(starts.randomElement(using: &random))
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                let letter = try #require(letters.randomElement(using: &random))
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = letter
                case 1: bytes.insert(letter, at: place)
                default: bytes.remove(at: place)
                }
            }
            guard let text = String(validating: bytes, as: UTF8.self), let read = ObjectKey(parsing: text) else {
                continue
            }
            accepted += 1
            #expect(read.text.utf8.elementsEqual(bytes))
            let end = try #require(text.split(separator: ".").last)
            let made = try ObjectKey(
                user: read.user, job: read.job, object: read.object, suffix: read.suffix, extension: String(end))
            #expect(made.text.utf8.elementsEqual(bytes))
        }
        #expect(accepted > 100, "the fuzz reached nothing that is accepted")
    }

    @Test("two keys are one only if they are byte for byte")
    func equality() throws {
        let composed = try key("é", "1")
        let decomposed = try key("e\u{301}", "1")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
    }
}
