import Testing

@testable import CustodeCore

@Suite("ids")
struct IdentifiersTests {
    @Test("two users whose ids Unicode takes for the same are two users")
    func usersByBytes() throws {
        let composed = try #require(UserID("\u{E9}"))
        let decomposed = try #require(UserID("e\u{301}"))
        #expect(composed.text == decomposed.text, "Swift compares strings by canonical equivalence")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(composed.fingerprint != decomposed.fingerprint)
        #expect(try #require(UserID("K")) != #require(UserID("\u{212A}")))
    }

    @Test("two jobs whose ids Unicode takes for the same are two jobs")
    func jobsByBytes() throws {
        let composed = try #require(JobID("\u{E9}"))
        let decomposed = try #require(JobID("e\u{301}"))
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
    }

    @Test("a user's id is any text but none, and free of NUL and controls")
    func userIDs() {
        for id in ["a", "auth0|alice", "a/b", "..", "👩‍🎤", " ", "\u{202E}"] { #expect(UserID(id) != nil) }
        for id in ["", "\0", "a\0", "\n", "a\u{1F}b", "\u{7F}", "a\r\n"] { #expect(UserID(id) == nil) }
    }

    @Test("a job's id is any text but none, and free of NUL")
    func jobIDs() {
        for id in ["a", "42", "a\n", "..", "/"] { #expect(JobID(id) != nil) }
        for id in ["", "\0", "a\0b"] { #expect(JobID(id) == nil) }
    }

    @Test("an object's name is 1 to 32 of a-z0-9_ and begins with a letter")
    func objectNames() {
        for name in ["a", "input", "srt", "a_1", String(repeating: "a", count: 32)] {
            #expect(ObjectName(name)?.text == name)
        }
        for name in [
            "", "1a", "_a", "A", "in put", "a-b", "a.b", "é", "a\u{301}", String(repeating: "a", count: 33), "a/b",
            "..",
        ] {
            #expect(ObjectName(name) == nil)
        }
        #expect(ObjectName("input") == .input && ObjectName.input.isInput)
    }

    @Test("digests are read from 64 lower-case hexadecimal digits and nothing else")
    func digests() throws {
        let hex = String(repeating: "0af9", count: 16)
        #expect(try #require(Digest(hex: hex)).hex == hex)
        #expect(Digest(hex: hex.uppercased()) == nil)
        #expect(Digest(hex: String(hex.dropLast())) == nil)
        #expect(Digest(hex: hex + "00") == nil)
        #expect(Digest(hex: String(hex.dropLast()) + "g") == nil)
        #expect(Digest([UInt8](repeating: 0, count: 31)) == nil)
        #expect(Digest([UInt8](repeating: 0, count: 33)) == nil)
    }

    @Test("an entity tag is strong, quoted, and follows from the bytes alone")
    func tags() throws {
        let digest = try #require(Digest(hex: String(repeating: "0af9", count: 16)))
        #expect(ETag(digest).text == "\"0af90af90af90af90af90af90af90af9\"")
    }

    @Test("a key's suffix is six characters of its own alphabet, whatever the random bytes are")
    func suffixes() {
        struct Fixed: RandomSource {
            let byte: UInt8
            func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: byte, count: count) }
        }
        for byte in UInt8.min...UInt8.max {
            let key = "users/7/jobs/42/input/original.\(Fixed(byte: byte).keySuffix()).wav"
            #expect(ObjectKey(parsing: key)?.suffix?.utf8.count == 6)
        }
    }
}
