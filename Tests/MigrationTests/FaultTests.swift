import CustodeTesting
import Foundation
import Testing

@Suite("Migrations that are disturbed")
struct FaultTests {
    /// A folder whose files take a while at 400 KB/s.
    private static func slow(_ world: World, files: Int = 20) async throws -> (LegacyFolder, [TestJob]) {
        let legacy = try LegacyFolder()
        let jobs = try await world.newJobs(files)
        for (number, job) in jobs.enumerated() {
            try legacy.add("\(number).wav", sound(100_000, seed: UInt32(number + 1)))
            try await world.database.sql(
                "update jobs set input_ref = '\(number).wav' where id = \(TestDatabase.quote(job.id))")
        }
        return (legacy, jobs)
    }

    private static func switched(_ world: World) async throws -> Int {
        Int(try await world.database.value("select count(*) from custode.ref_rewrites where state <> 'undone'") ?? "")
            ?? -1
    }

    private static func apply(_ legacy: LegacyFolder) -> [String] {
        ["migrate", "apply", "--from", legacy.source, "--workers", "2", "--rate", "400KB/s"]
    }

    @Test(
        "Ctrl-C ends cleanly, the same command goes on under the same name, and undo takes back all of it", .tags(.slow)
    )
    func interrupted() async throws {
        let world = try await World.start()
        let (legacy, jobs) = try await Self.slow(world)
        let run = try world.launch(Self.apply(legacy))
        let hasBegun = try await eventually { try await Self.switched(world) >= 2 }
        #expect(hasBegun)
        run.signal(SIGINT)
        let outcome = try await run.end()
        #expect(outcome.status == 1 && outcome.errors.contains("run it again to go on"), "\(outcome)")
        let done = try await Self.switched(world)
        #expect(done >= 2 && done < jobs.count)
        #expect(
            try await world.database.value("select count(*) from custode.upload_intents where state = 'open'") == "0")
        let name = try await world.database.value("select id from custode.migrations")
        let status = try await world.service.run("migrate", "status")
        #expect(status.output.contains("not ended"), "\(status)")
        let rest = try await world.migrate("apply", from: legacy.source)
        #expect(rest.outcome.status == 0 && rest.outcome.runID == name, "\(rest.outcome)")
        #expect(rest[count: "skipped"] == done && rest[count: "copied"] == jobs.count - done)
        let undo = try await world.collect(["migrate", "--undo", try #require(name)])
        #expect(undo["matched"] == jobs.count, "\(undo)")
    }

    @Test("of two migrations at once the second is refused: exit 3", .tags(.slow))
    func two() async throws {
        let world = try await World.start()
        let (legacy, jobs) = try await Self.slow(world)
        let first = try world.launch(Self.apply(legacy))
        let hasBegun = try await eventually { try await Self.switched(world) >= 1 }
        #expect(hasBegun)
        for words in [["apply", "--from", legacy.source], ["--undo", "x"], ["--remove-sources", "x"]] {
            let second = try await world.collect(["migrate"] + words)
            let isKnown = words[0] == "--remove-sources"
            #expect(second.status == (isKnown ? 1 : 3), "\(words): \(second)")
        }
        let plan = try await world.migrate("plan", from: legacy.source)
        #expect(plan.outcome.status == 0, "a plan disturbs nobody: \(plan.outcome)")
        let outcome = try await first.end()
        #expect(outcome.status == 0 && outcome["copied"] == jobs.count, "\(outcome)")
    }

    @Test("a file that changes while it is read is not copied; the next run takes it", .tags(.slow))
    func changed() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", sound(1_500_000))
        let job = try await world.legacyJob("a.wav")
        let folder = try TestFolder()
        let run = try world.launch([
            "migrate", "apply", "--from", legacy.source, "--rate", "500KB/s", "--report", folder.path + "/r",
        ])
        let hasBegun = try await eventually {
            try await world.database.value("select count(*) from custode.upload_intents") == "1"
        }
        #expect(hasBegun)
        run.signal(SIGSTOP)
        let handle = try #require(FileHandle(forWritingAtPath: legacy.path + "/a.wav"))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(repeating: 7, count: 1_000))
        try handle.close()
        run.signal(SIGCONT)
        let outcome = try await run.end()
        #expect(outcome.status == 1 && outcome["failed"] == 1, "\(outcome)")
        #expect(try World.lines(folder.path + "/r").map(\.decision) == ["changed"])
        #expect(try await world.reference("input", of: job) == "a.wav")
        #expect(try await world.keys("users/") == [])
        let again = try await world.migrate("apply", from: legacy.source)
        #expect(again[count: "copied"] == 1, "\(again.outcome)")
    }

    @Test("a file that cannot be read is told, and the others are copied")
    func unreadable() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("bad.wav", Sample.wav())
        try legacy.add("good.wav", Sample.wav())
        let jobs = [try await world.legacyJob("bad.wav"), try await world.legacyJob("good.wav")]
        let folder = try TestFolder()
        let run = try world.launch(
            ["migrate", "apply", "--from", legacy.source, "--report", folder.path + "/r"],
            tracing: [
                "-P", legacy.path + "/bad.wav", "-e", "trace=pread64,preadv2", "-e", "inject=pread64,preadv2:error=EIO",
            ])
        let outcome = try await run.end()
        #expect(outcome.status == 1 && outcome["failed"] == 1 && outcome["copied"] == 1, "\(outcome)")
        let lines = try World.lines(folder.path + "/r")
        let bad = try #require(lines.first { $0.source == "bad.wav" })
        #expect(bad.decision == "unreadable" && bad.detail?.contains("Input/output error") == true, "\(bad)")
        #expect(try await world.reference("input", of: jobs[0]) == "bad.wav")
        try await world.expectObject("input", of: jobs[1], Sample.wav(), name: nil)
    }

    @Test("a bucket without room stops the run at once and says so; with room it goes on")
    func fullBucket() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        for number in 0..<40 { try legacy.add("\(number).wav", sound(5_000, seed: UInt32(number + 1))) }
        let jobs = try await (0..<40).asyncMap { try await world.legacyJob("\($0).wav") }
        let run = try world.launch(
            ["migrate", "apply", "--from", legacy.source, "--workers", "2"],
            tracing: ["-e", "trace=linkat", "-e", "inject=linkat:error=ENOSPC:when=3+"])
        let outcome = try await run.end()
        #expect(outcome.status == 1 && outcome.errors.contains("make room and run it again"), "\(outcome)")
        // The worker that was stopped for the other's fault may have been about to hear of its intent: its lease tells later.
        let open = try await world.database.value("select count(*) from custode.upload_intents where state = 'open'")
        #expect(open == "0" || open == "1")
        let rest = try await world.migrate("apply", from: legacy.source)
        #expect(
            rest.outcome.status == 0 && rest[count: "copied"] + rest[count: "skipped"] == jobs.count, "\(rest.outcome)")
        for (number, job) in jobs.enumerated() {
            try await world.expectObject("input", of: job, sound(5_000, seed: UInt32(number + 1)), name: nil)
        }
    }

    @Test("a database that restarts in mid-run is waited for", .tags(.slow))
    func databaseRestart() async throws {
        let cluster = try await PrivatePostgres.start()
        let world = try await World.start(cluster: cluster)
        let (legacy, jobs) = try await Self.slow(world)
        let run = try world.launch(Self.apply(legacy))
        let hasBegun = try await eventually { try await Self.switched(world) >= 2 }
        #expect(hasBegun)
        try await cluster.stop(immediate: true)
        try await cluster.startAgain()
        let outcome = try await run.end(within: .seconds(120))
        if outcome.status != 0 {
            let rest = try await world.migrate("apply", from: legacy.source)
            #expect(rest.outcome.status == 0, "\(outcome) \(rest.outcome)")
        }
        for (number, job) in jobs.enumerated() {
            try await world.expectObject("input", of: job, sound(100_000, seed: UInt32(number + 1)), name: nil)
        }
    }

    @Test("a bucket that stays away stops the run with the reason, and nothing is lost", .tags(.slow))
    func bucketAway() async throws {
        let (world, legacy) = (try await World.startOnS3(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let job = try await world.legacyJob("a.wav")
        let nowhere = "s3://\(try world.objects.name)?endpoint=http://127.0.0.1:9"
        let outcome = try await world.collect(
            ["migrate", "apply", "--from", legacy.source], settings: ["CUSTODE_BUCKET": nowhere])
        #expect(outcome.status == 1 && outcome.errors.contains("does not answer"), "\(outcome)")
        #expect(try await world.reference("input", of: job) == "a.wav")
    }

    @Test("a symbolic link is never followed, as a file or as a folder")
    func links() async throws {
        let (world, legacy, far) = (try await World.start(), try LegacyFolder(), try LegacyFolder())
        try far.add("secret.wav", Sample.wav())
        let files = FileManager.default
        try files.createSymbolicLink(atPath: legacy.path + "/link.wav", withDestinationPath: far.path + "/secret.wav")
        try files.createSymbolicLink(atPath: legacy.path + "/folder", withDestinationPath: far.path)
        try legacy.add("m.csv", [])
        let jobs = [
            try await world.legacyJob("link.wav"), try await world.legacyJob("folder/secret.wav"),
            try await world.newJob(),
        ]
        try legacy.add("m.csv", Array("link.wav,\(jobs[2].id),input\n".utf8))
        let apply = try await world.migrate("apply", from: legacy.source)
        #expect(apply["link.wav"] == "not_a_file" && apply[count: "copied"] == 0, "\(apply.outcome) \(apply.lines)")
        #expect(apply.lines.allSatisfy { !$0.source.hasPrefix("folder/") })
        let manifest = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        #expect(manifest["link.wav"] == "not_a_file", "\(manifest.lines)")
    }

    @Test("an upload that comes while a file is copied wins, and the file is in conflict", .tags(.slow))
    func overtaken() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", sound(1_000_000))
        let job = try await world.legacyJob("a.wav")
        let run = try world.launch(["migrate", "apply", "--from", legacy.source, "--rate", "400KB/s"])
        let hasBegun = try await eventually {
            try await world.database.value("select count(*) from custode.upload_intents") == "1"
        }
        #expect(hasBegun)
        run.signal(SIGSTOP)
        try await world.database.sql(
            "update jobs set input_ref = 'elsewhere.wav' where id = \(TestDatabase.quote(job.id))")
        run.signal(SIGCONT)
        let outcome = try await run.end()
        #expect(outcome.status == 0 && outcome["conflicts"] == 1 && outcome["copied"] == 0, "\(outcome)")
        #expect(try await world.reference("input", of: job) == "elsewhere.wav")
        #expect(try await world.database.value("select state from custode.upload_intents") == "abandoned")
    }
}
