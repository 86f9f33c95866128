import CustodeTesting
import Foundation
import Testing

@Suite("Sources that mislead")
struct SourceHazardTests {
    @Test("a reference that is itself a key of the bucket means that one")
    func otherKey() async throws {
        let world = try await World.start()
        try await world.add("a.wav", sound(10_000, seed: 1))
        try await world.add("old/a.wav", sound(10_000, seed: 2))
        let job = try await world.legacyJob("a.wav")
        _ = try await world.legacyJob("old/a.wav", for: world.bob)
        #expect(try await world.get("input", of: job).body == sound(10_000, seed: 1))
        let apply = try await world.migrate("apply", from: "prefix:old/")
        #expect(apply[count: "copied"] == 1 && apply[count: "conflicts"] == 1, "\(apply.outcome)")
        #expect(try await world.get("input", of: job).body == sound(10_000, seed: 1))
    }

    @Test("a prefix that is no whole folder spells no path")
    func halfPrefix() async throws {
        let world = try await World.start()
        try await world.add("old/srv/a.wav", sound(10_000, seed: 2))
        _ = try await world.legacyJob("/srv/a.wav")
        let plan = try await world.migrate("plan", from: "prefix:old")
        #expect(plan[count: "found"] == 1 && plan[count: "matched"] == 0, "\(plan.outcome)")
    }

    @Test("an empty bucket without a mark is not migrated into: exit 3")
    func emptyBucket() async throws {
        let (world, legacy, empty) = (try await World.start(), try LegacyFolder(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let job = try await world.legacyJob("a.wav")
        let apply = try await world.migrate(
            "apply", from: legacy.source, "--remove-sources", settings: ["CUSTODE_BUCKET": "file://" + empty.path])
        #expect(apply.outcome.status == 3 && apply.outcome.errors.contains("brake identity"), "\(apply.outcome)")
        #expect(legacy.bytes("a.wav") != nil)
        #expect(try await world.reference("input", of: job) == "a.wav")
    }

    @Test("a key that begins with a combining mark is another key")
    func combiningKey() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try await world.add("a.wav", sound(10_000, seed: 1))
        try await world.add("\u{301}a.wav", sound(10_000, seed: 2))
        let job = try await world.newJob()
        try legacy.add("m.csv", Array("source,job_id,object\nbucket:\u{301}a.wav,\(job.id),input\n".utf8))
        _ = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        #expect(try await world.get("input", of: job).body == sound(10_000, seed: 2))
    }

    @Test("and goes into quarantine and comes back as such")
    func combiningRemoved() async throws {
        let world = try await World.start(settings: World.swift)
        try await world.add("\u{301}a.wav", sound(10_000, seed: 2))
        let job = try await world.legacyJob("\u{301}a.wav")
        let apply = try await world.migrate("apply", from: "prefix:", "--remove-sources")
        #expect(apply.outcome.status == 0 && apply[count: "copied"] == 1, "\(apply.outcome)")
        #expect(try await world.keys("\u{301}").isEmpty)
        let early = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(early.status == 1 && early.errors.contains("quarantine"), "\(early)")
        let restored = try await world.collect(["restore", "--key", "\u{301}a.wav"])
        #expect(restored.status == 0 && restored["restored"] == 1, "\(restored)")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 0 && undo["matched"] == 1, "\(undo)")
        #expect(try await world.get("input", of: job).body == sound(10_000, seed: 2))
    }

    @Test("what a user deleted since does not come back by the same manifest")
    func deletedSince() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        try legacy.add("a.txt", Sample.text())
        let job = try await world.newJob()
        try legacy.add("m.csv", Array("a.wav,\(job.id),input\na.txt,\(job.id),transcript\n".utf8))
        let apply = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        #expect(apply[count: "copied"] == 2)
        for object in ["input", "transcript"] {
            _ = try await world.send("DELETE", job.path(object))
        }
        let again = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        #expect(again[count: "copied"] == 0, "run twice, it does nothing: \(again.lines.map(\.decision))")
        #expect(try await world.get("transcript", of: job).status == 404)
    }

    @Test("odd names of files, ids of every type", arguments: IDKind.allCases)
    func oddNames(ids: IDKind) async throws {
        let (world, legacy) = (try await World.start(ids: ids), try LegacyFolder())
        let names = [
            "a b.wav", "100%25.wav", "q?x&y=z.wav", "quo\"te'.wav", "new\nline.wav", "back\\slash.wav", ".hidden",
            "{a,b}.wav", "NULL", "ünï.wav", "\u{301}mark.wav", "tab\t.wav",
        ]
        var jobs: [TestJob] = []
        for (number, name) in names.enumerated() {
            try legacy.add(name, sound(5_000, seed: UInt32(number + 1)))
            let job = try await world.newJob()
            try await world.database.sql(
                "update jobs set input_ref = \(TestDatabase.quote(name)) where id = \(TestDatabase.quote(job.id))")
            jobs.append(job)
        }
        func check() async throws {
            for (number, job) in jobs.enumerated() {
                #expect(
                    try await world.get("input", of: job).body == sound(5_000, seed: UInt32(number + 1)),
                    "\(names[number])")
            }
        }
        let apply = try await world.migrate("apply", from: legacy.source)
        #expect(apply[count: "copied"] == names.count, "\(apply.outcome) \(apply.lines)")
        try await check()
        let again = try await world.migrate("apply", from: legacy.source)
        #expect(again[count: "skipped"] == names.count)
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo["matched"] == names.count, "\(undo)")
        let removed = try await world.migrate("apply", from: legacy.source, "--remove-sources")
        #expect(removed[count: "copied"] == names.count, "\(removed.outcome)")
        for name in names { #expect(legacy.bytes(name) == nil, "\(name)") }
        try await check()
        let back = try await world.collect(["migrate", "--undo", removed.outcome.runID])
        #expect(back["matched"] == names.count, "\(back)")
        for (number, name) in names.enumerated() {
            #expect(legacy.bytes(name) == sound(5_000, seed: UInt32(number + 1)), "\(name)")
        }
    }

    @Test("odd keys of buckets", arguments: [BucketKind.s3, .directory])
    func oddKeys(kind: BucketKind) async throws {
        let world = try await kind.world(World.thorough)
        let names = [
            "a b+c.wav", "100%25.wav", "q?x&y=z.wav", "quo\"te'.wav", "back\\slash.wav", "{a,b}.wav", "ünï.wav",
            "cafe\u{301}.wav", "%2e%2e/x.wav",
        ]
        var jobs: [TestJob] = []
        for (number, name) in names.enumerated() {
            try await world.add("old/" + name, sound(5_000, seed: UInt32(number + 1)))
            jobs.append(try await world.legacyJob("old/" + name))
        }
        func check(_ what: String) async throws {
            for (number, job) in jobs.enumerated() {
                let got = try await world.get("input", of: job)
                #expect(got.body == sound(5_000, seed: UInt32(number + 1)), "\(what) \(names[number]) \(got.status)")
            }
        }
        try await check("before")
        let apply = try await world.migrate("apply", from: "prefix:old/", "--remove-sources")
        #expect(apply[count: "copied"] == names.count, "\(apply.outcome) \(apply.lines)")
        #expect(try await world.keys("old/").isEmpty)
        try await check("after")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 1 && undo["failed"] == names.count)
        let trash = try await world.keys(".trash/")
        #expect(trash.count == names.count)
        let removal = trash[0].split(separator: "/")[2]
        let restored = try await world.collect(["restore", "--run", String(removal)])
        #expect(restored["restored"] == names.count, "\(restored)")
        let back = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(back["matched"] == names.count, "\(back)")
        try await check("back")
    }

    @Test("an object that cannot be opened does not stop the others")
    func unopened() async throws {
        let world = try await World.start(settings: World.thorough)
        try await world.add("old/bad.wav", Sample.wav())
        try await world.add("old/good.wav", Sample.wav())
        _ = try await world.legacyJob("old/bad.wav")
        let good = try await world.legacyJob("old/good.wav")
        let run = try world.launch(
            ["migrate", "apply", "--from", "prefix:old/", "--workers", "1"],
            tracing: [
                "-P", "old/bad.wav", "-P", world.bucket + "/old/bad.wav", "-e", "trace=openat2", "-e",
                "inject=openat2:error=EACCES",
            ])
        let outcome = try await run.end(within: .seconds(120))
        #expect(outcome["copied"] == 1)
        #expect(try await world.reference("input", of: good) != "old/good.wav")
    }

    @Test("what a manifest had set aside is no source")
    func asideOfManifest() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("sub/a.wav", Sample.wav())
        let job = try await world.newJob()
        try legacy.add("m.csv", Array("sub/a.wav,\(job.id),input\n".utf8))
        _ = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv", "--remove-sources")
        let plan = try await world.migrate("plan", from: legacy.source)
        #expect(plan.lines.map(\.source) == ["m.csv"])
    }

    @Test("the report is where it is said to be")
    func reportName() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        let apply = try await world.service.run("migrate", "apply", "--from", legacy.source)
        let run = apply.output.split(separator: " ")[1].dropLast()
        #expect(apply.errors.contains("migrate-\(run).jsonl"))
    }

    @Test("odd manifests are answered in words; paths into the bucket are keys, and its own files are none")
    func oddManifests() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let job = try await world.newJob()
        let row = ",\(job.id),input\n"
        // What it exits with, and what becomes of its one line.
        let texts: [(String, [UInt8], Int32, String?)] = [
            ("nul.csv", Array("a\u{0}.wav\(row)".utf8), 1, nil),
            ("huge.csv", Array(repeating: 0x61, count: 3_000_000), 1, nil),
            ("latin.csv", [0x61, 0xE9, 0x2C, 0x31, 0x2C, 0x31, 0x0A], 1, nil),
            ("open.csv", Array("\"a.wav\(row)".utf8), 1, nil),
            ("bom.csv", [0xEF, 0xBB, 0xBF] + Array("source,job_id,object\na.wav\(row)".utf8), 0, "copy"),
            ("dots.csv", Array("../../../../../../etc/hostname\(row)".utf8), 0, "copy"),
            ("empty.csv", [], 0, nil),
            ("trash.csv", Array("bucket:.trash/2026-01-01/x/a\(row)".utf8), 1, nil),
            ("own.csv", Array("\(world.bucket)/.custode/identity.json,\(job.id),json\n".utf8), 0, "failed"),
            ("array.jsonl", Array("[1,2]\n".utf8), 1, nil),
            ("number.jsonl", Array("{\"source\":\"a.wav\",\"job_id\":1.5,\"object\":\"input\"}\n".utf8), 1, nil),
            ("deep.jsonl", Array(String(repeating: "[", count: 200_000).utf8), 1, nil),
        ]
        for (name, text, status, decision) in texts {
            try legacy.add(name, text)
            let plan = try await world.migrate("plan", from: "manifest:\(legacy.path)/\(name)")
            #expect(plan.outcome.status == status, "\(name): \(plan.outcome)")
            #expect(plan.lines.first?.decision == decision, "\(name): \(plan.lines)")
            #expect(
                status == 0 || plan.outcome.errors.contains("manifest") || plan.outcome.errors.contains("line 1"),
                "\(name)")
        }
    }
}
