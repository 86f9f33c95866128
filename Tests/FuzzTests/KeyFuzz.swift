import CustodeTesting
import Testing

@testable import BlobStores
@testable import CustodeCore

@Suite("fuzzing ids and the places made from them", .serialized)
struct KeyFuzz {
    private static let tokens = [
        "..", ".", "/", "//", "|", "=", "=2e", "=2f", "%2e", "\\", "auth0|", "é", "e\u{301}", "👩‍🎤", "\u{202E}", "A", "~",
        "users", "jobs", "input", "original", "output", ".wav",
    ]

    @Test("ids become components that are each a name, never two ids the same, and come back")
    func ids() async throws {
        let fuzzer = Fuzzer(
            "ids",
            texts: [
                "alice", "auth0|alice", "..", ".", "a/b", "a=2fb", "\u{E9}", "e\u{301}", "👩‍🎤",
                "0198c0de-0000-7000-8000-00000000abcd",
                String(repeating: "a", count: 200), String(repeating: "|", count: 67), "C:\\a", "%2e%2e", " ", "=",
                "\u{212B}",
            ],
            tokens: Self.tokens)
        var seen: [[UInt8]: [UInt8]] = [:]
        try await fuzzer.run { trial in
            let text = trial.text
            guard !text.isEmpty else { return }
            let component = ObjectKey.encode(text)
            try hold(component != "." && component != ".." && !component.isEmpty, "\(component) is a name")
            try hold(component.utf8.allSatisfy { ObjectKey.isPlain($0) || $0 == 0x3D }, "\(component) is plain")
            try hold(ObjectKey.decode(component[...]).map { same($0, text) } == true, "\(text) comes back")
            if seen.count > 20_000 { seen.removeAll() }
            let other = seen.updateValue(Array(text.utf8), forKey: Array(component.utf8))
            try hold(other == nil || other == Array(text.utf8), "\(component) is of one id")
            var random = trial.random
            try Self.make(text, &random)
        }
    }

    private static func make(_ id: String, _ random: inout SeededGenerator) throws {
        let others = ["7", "auth0|bob", "..", id]
        let userText = Bool.random(using: &random) ? id : others.randomElement(using: &random) ?? ""
        guard let user = UserID(userText), let job = JobID(id),
            let object = ["input", "transcript"].randomElement(using: &random).flatMap(ObjectName.init)
        else { return }
        let suffix = Bool.random(using: &random) ? "ab2345" : nil
        guard let key = try? ObjectKey(user: user, job: job, object: object, suffix: suffix, extension: "wav") else {
            let longest = max(ObjectKey.encode(userText).utf8.count, ObjectKey.encode(id).utf8.count)
            return try hold(longest > ObjectKey.maximumComponentLength, "what fits is taken")
        }
        let parts = key.text.split(separator: "/", omittingEmptySubsequences: false)
        try hold(
            parts.count == 6 && parts.allSatisfy { (1...255).contains($0.utf8.count) }, "\(key) fits a file system")
        try hold(parts.allSatisfy { $0 != "." && $0 != ".." }, "\(key) stays where it is")
        try hold(ObjectKey(parsing: key.text) == key, "\(key) is read again")
        let path = BucketPath(key.text)
        try hold(path.map { same("\($0.folder)/\($0.name)", key.text) } == true, "\(key) is a path")
    }

    @Test("a text that is read as a key is spelled as that key, and a path is never another's")
    func keys() async throws {
        let fuzzer = Fuzzer(
            "keys",
            texts: [
                "users/7/jobs/42/input/original.wav", "users/auth0=7calice/jobs/a=2fb/output/transcript.ab2345.txt",
                "users/=2e=2e/jobs/=2e/output/json.json", "users/=41/jobs/=c3=a9/input/original.zzzzzz.mp3",
                "users/../jobs/./input//original.wav", "/users/7", "",
            ],
            tokens: Self.tokens)
        let (user, job) = (try #require(UserID("7")), try #require(JobID("42")))
        try await fuzzer.run { trial in
            if let key = ObjectKey(parsing: trial.text) {
                try hold(same(key.text, trial.text), "\(trial.text) is \(key)")
                let made = try ObjectKey(
                    user: key.user, job: key.job, object: key.object, suffix: key.suffix,
                    extension: String(key.text.split(separator: ".").last ?? ""))
                try hold(same(made.text, key.text), "\(key) is made again")
            }
            try hold(
                ObjectKey.isWellFormed(trial.text) == (ObjectKey(parsing: trial.text) != nil), "both readers agree")
            if let legacy = LegacyKey(trial.text, of: job, owner: user) {
                let owned = ObjectKey(parsing: legacy.text)
                try hold(owned.map { $0.user == user && $0.job == job } ?? true, "\(legacy.text) is nobody else's")
                try hold(
                    BucketPath(legacy.text) != nil && !legacy.text.hasPrefix(".custode/"), "\(legacy.text) is a key")
            }
            if let path = BucketPath(trial.text) {
                let parts = trial.text.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
                try hold(
                    parts.allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) },
                    "\(trial.text) climbs nowhere")
                let spelled = path.folder.isEmpty ? path.name : "\(path.folder)/\(path.name)"
                try hold(same(spelled, trial.text) && !spelled.utf8.contains(0), "\(trial.text) is \(spelled)")
            }
        }
    }
}
