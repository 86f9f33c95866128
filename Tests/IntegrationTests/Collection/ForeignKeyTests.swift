import CustodeTesting
import Foundation
import Glibc
import Testing

@Suite("The sweep and what is not of our naming, however near: counted as foreign, never touched", .serialized)
struct ForeignKeyTests {
    private static let user = "11111111-2222-3333-4444-555555555555"
    private static let job = "66666666-7777-8888-9999-aaaaaaaaaaaa"
    private static let folder = "users/\(user)/jobs/\(job)"

    /// Beside the folders of a job that is gone.
    private static let files: [String] =
        [
            // Extensions and names.
            "transcript.TXT", "Transcript.txt", "transcript", "transcript.", "transcript.txt.", ".transcript.txt",
            "transcript..txt", "transcript.txt~", "#transcript.txt#", "transcript.txt.bak", "transcript.txt.part",
            "transcript.ninechars", "transcript.t_t", "transcript.t-t", "input.txt", "9lives.txt", "_x.txt",
            "transcript-1.txt", "transcript txt", "transcript,txt", "transcript;1.txt", "transcript.txt;1",
            // Suffixes.
            "transcript.abcde.txt", "transcript.abcdefg.txt", "transcript.ABCDEF.txt", "transcript.abcde1.txt",
            "transcript.abcde0.txt", "transcript.abcde8.txt", "transcript.abcde9.txt", "transcript.abc=2e.txt",
            "transcript.abcdef.abcdef.txt", "transcript.abcdef.", "transcript..abcdef.txt", "transcript.abcde-.txt",
            // Blanks, control characters, look-alikes, escapes.
            " transcript.txt", "transcript.txt ", "transcript .txt", "transcript.txt\n", "\ttranscript.txt",
            "tran\u{1}script.txt", "transcript\u{7f}.txt", "transcript.txt\u{200b}", "transcript\u{202e}.txt",
            "tr\u{430}nscript.txt", "ｔranscript.txt", "transcript．txt", "transcrıpt.txt", "transcript%2etxt",
            "transcript=2etxt", "transcript\\.txt", "transcript.txt\u{301}", "caf\u{e9}.txt", "cafe\u{301}.txt",
            String(repeating: "x", count: 33) + ".txt", String(repeating: "x", count: 255),
            String(repeating: "é", count: 127),
        ].map { "\(folder)/output/\($0)" }

    /// In other folders.
    private static let paths: [String] = [
        "notes.txt", ".hidden", "users", "users.txt", "lost+found/1", ".trashed/x", ".custode2/identity.json",
        "Users/\(user)/jobs/\(job)/output/transcript.txt", "user/\(user)/jobs/\(job)/output/transcript.txt",
        "x/users/\(user)/jobs/\(job)/output/transcript.txt",
        "users/\(user)/job/\(job)/output/transcript.txt", "users/\(user)/Jobs/\(job)/output/transcript.txt",
        "users/\(user)/jobs/\(job)/transcript.txt", "users/\(user)/jobs/\(job)/Output/transcript.txt",
        "users/\(user)/jobs/\(job)/outputs/transcript.txt", "users/\(user)/jobs/\(job)/output./transcript.txt",
        "users/\(user)/jobs/\(job)/output/x/transcript.txt", "users/\(user)/jobs/\(job)/.trash/transcript.txt",
        "users/\(user)/jobs/\(job)/input/transcript.txt", "users/\(user)/jobs/\(job)/input/Original.wav",
        "users/\(user)/jobs/\(job)/input/original", "users/\(user)/jobs/\(job)/input/original.abcdef.abcdef.wav",
        "users/\(user)/\(job)/output/transcript.txt", "users/jobs/\(job)/output/transcript.txt",
        "users/\(user)/jobs/\(job)", "users/.trash/jobs/x",
    ]

    /// Spellings of ids that the encoding never writes: each is the folder of a user.
    private static let ids: [String] = [
        "=2E", "=2E=2E", "=2e=2e=2e", "=2ea", "a=2eb", "=61", "auth0=7C1", "auth0|1", "auth0%7c1", "a=", "a=2", "=zz",
        "=7", "==7c", "=ff", "=c3=28", "=ed=a0=80", "=c0=af", "=C3=A9", "\u{e9}", "e\u{301}", "A", "Alice", "a b",
        "a+b",
        "a~b", "a\u{1}b", "a\u{7f}", "a\\b", String(repeating: "a", count: 201), String(repeating: "a", count: 255),
        String(repeating: "=7c", count: 67),
    ]

    /// Files that no policy makes ours.
    private static var all: [String] {
        files + paths.filter { $0 != "users" && $0 != folder }
            + ids.map { "users/\($0)/jobs/\(job)/output/transcript.txt" }
            + ids.map { "users/\(user)/jobs/\($0)/output/transcript.txt" }
    }

    /// Runs as many sweeps as an orphan needs, and one more; the last one's outcome.
    private func sweepAll(_ world: World) async throws -> [CollectionOutcome] {
        var outcomes: [CollectionOutcome] = []
        for time in ["+0s", "+20h", "+40h", "+60d"] { outcomes.append(try await world.sweep("--now", time)) }
        return outcomes
    }

    @Test("keys that are nearly ours", arguments: [IDKind.text, .uuid])
    func near(ids: IDKind) async throws {
        let world = try await World.start(ids: ids, settings: World.collecting)
        _ = try await world.jobWith("input")
        let all = Self.all
        #expect(Set(all.map { Array($0.utf8) }).count == all.count)
        for file in all { try world.plant(file, Array(file.utf8), age: .days(1_000)) }
        // Beside them lie two that are ours: a folder of foreign files is pruned of nothing else.
        let ours = ["output/transcript.txt", "output/transcript.abcde7.txt"].map { "\(Self.folder)/\($0)" }
        for key in ours { try world.plant(key) }
        let isForeign = { (name: String) in all.contains { $0.utf8.elementsEqual(name.utf8) } }
        let before = Inventory(world.bucket, where: isForeign)
        #expect(before.count == all.count)
        let outcomes = try await sweepAll(world)
        #expect(outcomes.map { $0["foreign"] } == Array(repeating: all.count, count: 4), "\(outcomes)")
        #expect(outcomes.map { $0["quarantined"] } == [0, 2, 0, 0], "\(outcomes)")
        #expect(outcomes[3]["purged"] == 2)
        #expect(Inventory(world.bucket, where: isForeign) == before)
        for file in all { #expect(world.stored(file) == Array(file.utf8), "\(file)") }
        let audited = Set(try await world.audit().map(\.key))
        #expect(audited == Set(ours))
        try await world.close()
    }

    @Test("names that are no UTF-8, links, pipes, and folders where an object would be")
    func special() async throws {
        let world = try await World.start(settings: World.collecting)
        _ = try await world.jobWith("input")
        let outside = try TestFolder()
        defer { outside.remove() }
        let elsewhere = "jobs/\(Self.job)/output/transcript.txt"
        for path in [outside.path + "/" + elsewhere, outside.path + "/secret.txt"] {
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            try "outside".write(toFile: path, atomically: false, encoding: .utf8)
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -1e8)], ofItemAtPath: path)
        }
        let output = "\(world.bucket)/\(Self.folder)/output"
        try world.plant("\(Self.folder)/output/kept.file.txt")
        // A link to a file, one to nowhere, one to a whole tree of keys, one to itself; a pipe; a folder.
        #expect(symlink(outside.path + "/secret.txt", output + "/transcript.txt") == 0)
        #expect(symlink("/nowhere", output + "/srt.srt") == 0)
        #expect(symlink(outside.path, world.bucket + "/users/linked") == 0)
        #expect(symlink(".", world.bucket + "/users/round") == 0)
        #expect(mkfifo(output + "/json.json", 0o644) == 0)
        try world.plant("\(Self.folder)/output/translation.txt/inner")
        for name in ["transcript.txt", "srt.srt", "json.json", "translation.txt"] {
            try world.setAge(.days(1_000), of: "\(Self.folder)/output/\(name)")
        }
        for name: [CChar] in [[0x74, -1, 0], [-61, 0], [-19, -96, -128, 0]] {
            let path: [CChar] = output.utf8CString.dropLast() + [0x2F] + name
            let descriptor = open(path, O_CREAT | O_WRONLY, 0o644)
            #expect(descriptor >= 0)
            Glibc.close(descriptor)
        }
        let control = World.key(user: Self.user, job: "other", "output/transcript.txt")
        try world.plant(control)
        let (before, beyond) = (try names(output), Inventory(outside.path))
        let outcomes = try await sweepAll(world)
        #expect(outcomes.map { $0["quarantined"] } == [0, 1, 0, 0], "\(outcomes)")
        // Three without UTF-8, the inner file, and the one with too short a suffix.
        #expect(outcomes.allSatisfy { $0["foreign"] == 5 }, "\(outcomes)")
        #expect(try names(output) == before)
        #expect(Inventory(outside.path) == beyond)
        #expect(
            try FileManager.default.destinationOfSymbolicLink(atPath: world.bucket + "/users/linked") == outside.path)
        try await world.close()
    }

    /// The names in a folder as bytes, with their kinds, links not followed.
    private func names(_ folder: String) throws -> Set<[UInt8]> {
        guard let directory = opendir(folder) else { throw HarnessError("opendir \(folder)") }
        defer { closedir(directory) }
        var names: Set<[UInt8]> = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            names.insert([entry.pointee.d_type] + name)
        }
        return names
    }

    @Test("ids that are alike to the eye are two: the living twin stays, the orphan goes")
    func twins() async throws {
        let world = try await World.start(ids: .text, settings: World.collecting)
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
        for id in [composed, decomposed] { try await world.addUser(id: id) }
        var keys: [String] = []
        var jobs: [TestJob] = []
        for user in [composed, decomposed] {
            let job = try await world.newJob(for: user)
            keys.append(try #require(try await world.store("transcript", of: job, Sample.text())["key"].string))
            jobs.append(job)
        }
        #expect(keys[0] != keys[1])
        try await world.orphan(jobs[1])
        try world.setAge(.days(3), of: keys[0])
        let outcomes = try await sweepAll(world)
        #expect(outcomes.map { $0["quarantined"] } == [0, 1, 0, 0], "\(outcomes)")
        world.expect(.place, of: keys[0])
        world.expect(.nowhere, of: keys[1])
        #expect(try await world.get("transcript", of: jobs[0]).status == 200)
        try await world.close()
    }
}
