import CustodeTesting
import Foundation
import Testing

@Suite("custode migrate apply")
struct ApplyTests {
    @Test("a directory's files come into every kind of bucket, byte for byte", arguments: BucketKind.allCases)
    func intoEveryBucket(kind: BucketKind) async throws {
        let (world, legacy) = (try await kind.world(), try LegacyFolder())
        let large = sound(9_000_000)
        try legacy.add("a.mp3", Sample.wav())
        try legacy.add("deep/er/großes Meeting.wav", large)
        try legacy.add("a.txt", Sample.text())
        let first = try await world.legacyJob("a.mp3")
        let second = try await world.legacyJob(legacy.path + "/deep/er/großes Meeting.wav", for: world.bob)
        try await world.legacyArtifact("transcript", "a.txt", of: first)
        let apply = try await world.migrate("apply", from: legacy.source)
        #expect(apply.outcome.status == 0 && apply[count: "copied"] == 3, "\(apply.outcome)")
        try await world.expectObject("input", of: first, Sample.wav(), name: "a.mp3")
        try await world.expectObject("input", of: second, large, name: "großes Meeting.wav")
        try await world.expectObject("transcript", of: first, Sample.text(), name: "a.txt")
        #expect(
            try await world.reference("input", of: first)?.hasSuffix("/input/original.wav") == true, "by its content")
        #expect(legacy.bytes("a.mp3") == Sample.wav(), "the file stays")
        #expect(try await world.database.value("select count(*) from custode.upload_intents") == "0")
    }

    @Test("a prefix of the bucket comes to its names in it", arguments: BucketKind.allCases)
    func prefix(kind: BucketKind) async throws {
        let world = try await kind.world()
        try await world.add("old/a.wav", Sample.wav())
        try await world.add("old/sub/b.txt", Sample.text())
        try await world.add("old/nobody.wav", Sample.wav())
        try await world.add("other/c.wav", Sample.wav())
        // By the key, and by what is behind the prefix.
        let job = try await world.legacyJob("old/a.wav")
        try await world.legacyArtifact("transcript", "sub/b.txt", of: job)
        let other = try await world.legacyJob("other/c.wav")
        let apply = try await world.migrate("apply", from: "prefix:old/")
        #expect(apply.outcome.status == 0 && apply[count: "found"] == 3, "\(apply.outcome)")
        #expect(apply[count: "copied"] == 2 && apply["old/nobody.wav"] == "unknown_job")
        try await world.expectObject("input", of: job, Sample.wav(), name: "a.wav")
        try await world.expectObject("transcript", of: job, Sample.text(), name: "b.txt")
        #expect(try await world.bytes(of: "old/a.wav") == Sample.wav(), "the object stays")
        #expect(try await world.reference("input", of: other) == "other/c.wav")
        let again = try await world.migrate("apply", from: "prefix:old/")
        #expect(again[count: "copied"] == 0 && again[count: "skipped"] == 2, "\(again.outcome)")
    }

    @Test("within an S3 bucket the service copies, and sends nothing itself; the bytes are proven all the same")
    func serverSide() async throws {
        let world = try await BucketKind.s3.world()
        let bytes = sound(9_000_000)
        try await world.add("old/a.wav", bytes)
        let job = try await world.legacyJob("old/a.wav")
        let run = try world.launch(
            ["migrate", "apply", "--from", "prefix:old/"], tracing: ["-e", "trace=sendto,writev,write,sendmsg"])
        let outcome = try await run.end()
        #expect(outcome.status == 0 && outcome["copied"] == 1, "\(outcome)")
        let sent = run.trace.compactMap { $0.split(separator: "= ").last.flatMap { Int($0) } }.reduce(0, +)
        #expect(sent > 0 && sent < 1_000_000, "\(sent) bytes were sent in all")
        try await world.expectObject("input", of: job, bytes, name: "a.wav")
        let sha256 = try await world.database.value("select sha256 from custode.objects")
        #expect(sha256 == SHA256.hex(bytes))
    }

    @Test(
        "a manifest in CSV or JSON lines names files anywhere, and objects of the bucket", arguments: ["csv", "jsonl"])
    func manifest(kind: String) async throws {
        let (world, legacy, far) = (try await World.start(), try LegacyFolder(), try LegacyFolder())
        try legacy.add("a, \"b\".wav", Sample.wav())
        try far.add("c.wav", Sample.wav())
        try await world.add("old/d.txt", Sample.text())
        // The rows may say anything, or nothing.
        let first = try await world.legacyJob("https://old.example.org/f?id=17")
        let second = try await world.newJob(for: world.bob)
        let rows = [
            ["a, \"b\".wav", first.id, "input", "Zoë's talk.wav"], ["\(far.path)/c.wav", second.id, "input", ""],
            ["bucket:old/d.txt", first.id, "transcript", ""], ["missing.wav", second.id, "json", ""],
            ["a, \"b\".wav", UUID().uuidString, "input", ""],
        ]
        let text: String
        if kind == "csv" {
            let quoted = rows.map { $0.map { "\"\($0.replacing("\"", with: "\"\""))\"" }.joined(separator: ",") }
            text = "source,job_id,object,filename\r\n" + quoted.joined(separator: "\r\n")
        } else {
            text = try rows.map { row in
                let names = ["source", "job_id", "object", "filename"]
                let members = Dictionary(uniqueKeysWithValues: zip(names, row).filter { !$0.1.isEmpty })
                return String(decoding: try JSONEncoder().encode(members), as: UTF8.self)
            }.joined(separator: "\n")
        }
        try legacy.add("manifest.\(kind)", Array(text.utf8))
        let source = "manifest:\(legacy.path)/manifest.\(kind)"
        let apply = try await world.migrate("apply", from: source)
        #expect(apply.outcome.status == 1 && apply[count: "copied"] == 3, "\(apply.outcome) \(apply.lines)")
        #expect(apply["missing.wav"] == "missing")
        #expect(apply.lines.count { $0.decision == "unknown_job" } == 1)
        try await world.expectObject("input", of: first, Sample.wav(), name: "Zoë's talk.wav")
        try await world.expectObject("input", of: second, Sample.wav(), name: "c.wav")
        try await world.expectObject("transcript", of: first, Sample.text(), name: "d.txt")
        let again = try await world.migrate("apply", from: source)
        #expect(again[count: "copied"] == 0 && again[count: "skipped"] == 3, "\(again.outcome)")
    }

    @Test("a folder of the bucket itself holds objects, which have keys and go into quarantine")
    func inBucket() async throws {
        let world = try await World.start()
        for name in ["a", "b", "c"] { try world.plant("old/\(name).wav", Sample.wav()) }
        let jobs = [
            try await world.legacyJob("old/a.wav"), try await world.legacyJob("b.wav"),
            try await world.legacyJob(world.bucket + "/old/c.wav"),
        ]
        let apply = try await world.migrate("apply", from: "dir:\(world.bucket)/old", "--remove-sources")
        #expect(apply.outcome.status == 0 && apply[count: "copied"] == 3, "\(apply.outcome) \(apply.lines)")
        for job in jobs { try await world.expectObject("input", of: job, Sample.wav(), name: nil) }
        for name in ["a", "b", "c"] { #expect(world.whereabouts("old/\(name).wav") == .trash, "\(name)") }
        // All of it is no source of anything.
        let whole = try await world.migrate("apply", from: "dir:\(world.bucket)")
        #expect(whole.outcome.status == 0 && whole[count: "copied"] == 0, "\(whole.outcome) \(whole.lines)")
        #expect(whole[count: "skipped"] == 3)
    }

    @Test("ids may be uuid, bigint or text", arguments: IDKind.allCases)
    func ids(kind: IDKind) async throws {
        let (world, legacy) = (try await World.start(ids: kind), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        try legacy.add("b.txt", Sample.text())
        let job = try await world.legacyJob("a.wav")
        let other = try await world.newJob(for: world.bob)
        let apply = try await world.migrate("apply", from: legacy.source)
        #expect(apply.outcome.status == 0 && apply[count: "copied"] == 1, "\(apply.outcome)")
        try legacy.add("m.csv", Array("b.txt,\(other.id),transcript\nb.txt,no such job,transcript\n".utf8))
        let manifest = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        #expect(manifest.outcome.status == 0 && manifest[count: "copied"] == 1, "\(manifest.outcome)")
        try await world.expectObject("input", of: job, Sample.wav(), name: "a.wav")
        try await world.expectObject("transcript", of: other, Sample.text(), name: "b.txt")
        for run in [apply, manifest] {
            let undo = try await world.collect(["migrate", "--undo", run.outcome.runID])
            #expect(undo.status == 0 && undo["matched"] == 1, "\(undo)")
        }
        #expect(try await world.reference("input", of: job) == "a.wav")
        #expect(try await world.reference("transcript", of: other) == nil)
    }

    @Test("scripts/legacy-manifest.sql makes a manifest of references that are neither paths nor keys")
    func recipe() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("2019/a, b.wav", Sample.wav())
        try legacy.add("t.txt", Sample.text())
        let job = try await world.legacyJob("https://files.example.org/2019/a, b.wav")
        try await world.legacyArtifact("transcript", "https://files.example.org/t.txt", of: job)
        _ = try await world.legacyJob("elsewhere.wav")
        _ = try await world.jobWithInput()
        let manifest = try await Command.succeed(
            Checkout.tool("psql") ?? "psql",
            [
                "-qX", "-v", "pattern=^https://files\\.example\\.org/", "-v", "replacement=\(legacy.path)/", "-f",
                Checkout.script("legacy-manifest.sql"), "-d", world.database.uri,
            ])
        try legacy.add("m.csv", Array(manifest.utf8))
        let apply = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        #expect(apply.outcome.status == 0 && apply[count: "found"] == 2 && apply[count: "copied"] == 2, "\(manifest)")
        try await world.expectObject("input", of: job, Sample.wav(), name: "a, b.wav")
        try await world.expectObject("transcript", of: job, Sample.text(), name: "t.txt")
    }

    @Test("an object that is there already is a conflict, or, of the same bytes, done")
    func occupied() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        let same = try await world.jobWithInput(Sample.wav())
        let other = try await world.jobWithInput(sound(Sample.wav().count, seed: 7))
        let longer = try await world.jobWithInput(sound(50_000))
        try legacy.add("a.wav", Sample.wav())
        let lines = [same, other, longer].map { "a.wav,\($0.id),input\n" }.joined()
        try legacy.add("m.csv", Array(lines.utf8))
        let before = try await world.references().map(\.key)
        let apply = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        #expect(apply.outcome.status == 0, "\(apply.outcome)")
        #expect(apply[count: "skipped"] == 1 && apply[count: "conflicts"] == 2 && apply[count: "copied"] == 0)
        #expect(try await world.references().map(\.key).sorted() == before.sorted())
    }

    @Test("names that differ in their Unicode normalization alone are two files, of two users")
    func normalization() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        let (composed, decomposed) = ("caf\u{E9}.wav", "cafe\u{301}.wav")
        try legacy.add(composed, sound(10_000, seed: 1))
        try legacy.add(decomposed, sound(10_000, seed: 2))
        let first = try await world.legacyJob(composed)
        let second = try await world.legacyJob(decomposed, for: world.bob)
        let apply = try await world.migrate("apply", from: legacy.source)
        #expect(apply[count: "copied"] == 2, "\(apply.outcome)")
        try await world.expectObject("input", of: first, sound(10_000, seed: 1), name: nil)
        try await world.expectObject("input", of: second, sound(10_000, seed: 2), name: nil)
    }

    @Test("a key of another job's naming is not migrated, whatever a row or a manifest says")
    func foreignKey() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        let theirs = try await world.newJob(for: world.bob)
        let key = World.key(user: world.bob, job: theirs.id, "input/original.wav")
        try await world.add(key, Sample.wav())
        let job = try await world.legacyJob(key)
        try legacy.add("m.csv", Array("bucket:\(key),\(job.id),input\n".utf8))
        for source in ["prefix:users/", "manifest:\(legacy.path)/m.csv"] {
            let apply = try await world.migrate("apply", from: source)
            #expect(apply.outcome.status == 1 && apply[count: "failed"] == 1, "\(apply.outcome) \(apply.lines)")
            #expect(apply[count: "copied"] == 0)
        }
        #expect(try await world.reference("input", of: job) == key)
    }

    @Test("a bucket that is another database's is not migrated into: exit 3")
    func wrongBucket() async throws {
        let (world, other, legacy) = (try await World.start(), try await World.start(), try LegacyFolder())
        let outcome = try await world.collect(
            ["migrate", "apply", "--from", legacy.source], settings: ["CUSTODE_BUCKET": "file://" + other.bucket])
        #expect(outcome.status == 3 && outcome.errors.contains("brake identity"), "\(outcome)")
    }

    @Test("rows that are hidden from the role are no unknown jobs: exit 3")
    func hiddenRows() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        _ = try await world.legacyJob("a.wav")
        let uri = try await world.narrowURI()
        try await world.database.sql("alter table jobs enable row level security")
        let outcome = try await world.collect(
            ["migrate", "apply", "--from", legacy.source], settings: ["CUSTODE_DATABASE_URL": uri])
        #expect(outcome.status == 3 && outcome.errors.contains("row-level security"), "\(outcome)")
    }

    @Test("the service's own role, with the grants that are written down, can migrate, put back and set aside")
    func narrowRole() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        try legacy.add("b.txt", Sample.text())
        let job = try await world.legacyJob("a.wav")
        try await world.legacyArtifact("transcript", "b.txt", of: job)
        let role = ["CUSTODE_DATABASE_URL": try await world.narrowURI()]
        let apply = try await world.migrate("apply", from: legacy.source, settings: role)
        #expect(apply.outcome.status == 0 && apply[count: "copied"] == 2, "\(apply.outcome)")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID], settings: role)
        #expect(undo.status == 0, "\(undo)")
        let again = try await world.migrate("apply", from: legacy.source, "--remove-sources", settings: role)
        #expect(again.outcome.status == 0 && legacy.bytes("a.wav") == nil, "\(again.outcome)")
    }
}
