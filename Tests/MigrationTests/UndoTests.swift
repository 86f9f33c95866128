import CustodeTesting
import Foundation
import Testing

@Suite("custode migrate --undo")
struct UndoTests {
    @Test("the old references are back, the copies go, and it can be done over", arguments: BucketKind.allCases)
    func back(kind: BucketKind) async throws {
        let world = try await kind.world(World.swift)
        try await world.add("old/a.wav", Sample.wav())
        try await world.add("old/b.txt", Sample.text())
        let job = try await world.legacyJob("old/a.wav")
        try await world.legacyArtifact("transcript", "old/b.txt", of: job)
        let apply = try await world.migrate("apply", from: "prefix:old/")
        #expect(apply[count: "copied"] == 2, "\(apply.outcome)")
        let copies = try await world.keys("users/")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 0 && undo.runID == apply.outcome.runID, "\(undo)")
        #expect(undo["found"] == 2 && undo["matched"] == 2 && undo["failed"] == 0)
        #expect(try await world.reference("input", of: job) == "old/a.wav")
        #expect(try await world.reference("transcript", of: job) == "old/b.txt")
        #expect(try await world.get("input", of: job).body == Sample.wav())
        let again = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(again.status == 0 && again["matched"] == 0 && again["skipped"] == 2, "\(again)")
        // What is nobody's is collected, and nothing else.
        try await world.sweep("--outbox-only")
        let left = try await world.keys("users/")
        #expect(Set(left).isDisjoint(with: copies), "\(left)")
        #expect(try await world.bytes(of: "old/a.wav") == Sample.wav())
        let over = try await world.migrate("apply", from: "prefix:old/")
        #expect(over[count: "copied"] == 2 && over.outcome.runID != apply.outcome.runID, "\(over.outcome)")
        try await world.expectObject("input", of: job, Sample.wav(), name: "a.wav")
    }

    @Test("a row that referred to nothing does so again; one that has moved on, or is gone, stays")
    func others() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        for name in ["a", "b", "c", "e"] { try legacy.add("\(name).txt", Sample.text()) }
        let jobs = try await world.newJobs(4)
        // A row that is there, and refers to nothing.
        try await world.database.sql(
            """
            insert into artifacts (id, job_id, kind)
            values (gen_random_uuid(), \(TestDatabase.quote(jobs[3].id)), 'transcript')
            """)
        let lines = zip(["a", "b", "c", "e"], jobs).map { "\($0).txt,\($1.id),transcript\n" }.joined()
        try legacy.add("m.csv", Array(lines.utf8))
        let apply = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        #expect(apply[count: "copied"] == 4, "\(apply.outcome)")
        let tag = try #require(try await world.get("transcript", of: jobs[1]).header("ETag"))
        let replaced = try await world.send(
            "PUT", jobs[1].path("transcript"), as: .worker(world.alice), headers: ["If-Match": tag],
            body: .bytes(Array("something newer".utf8)))
        #expect(replaced.status < 300, "\(replaced.summary)")
        let newer = try await world.reference("transcript", of: jobs[1])
        try await world.deleteJob(jobs[2])
        try legacy.add("d.wav", Sample.wav())
        let inputs = try await world.legacyJob("d.wav")
        let second = try await world.migrate("apply", from: legacy.source)
        #expect(second[count: "copied"] == 1, "\(second.outcome)")
        try await world.database.sql(
            "update jobs set input_ref = 'newer.wav' where id = \(TestDatabase.quote(inputs.id))")
        let nothing = try await world.collect(["migrate", "--undo", second.outcome.runID])
        #expect(nothing.status == 0 && nothing["conflicts"] == 1 && nothing["matched"] == 0, "\(nothing)")
        #expect(try await world.reference("input", of: inputs) == "newer.wav")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 0, "\(undo)")
        #expect(undo["matched"] == 2 && undo["conflicts"] == 1 && undo["skipped"] == 1)
        let rows = try await world.database.sql(
            "select job_id, storage_ref from artifacts order by storage_ref nulls first")
        #expect(rows.map { $0[0] } == [jobs[3].id, jobs[1].id], "the row that was made went, the other stays")
        #expect(try await world.reference("transcript", of: jobs[0]) == nil)
        #expect(try await world.reference("transcript", of: jobs[1]) == newer)
    }

    @Test("a reference whose file is gone is not put back: exit 1, and the object stays")
    func noFile() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let job = try await world.legacyJob("a.wav")
        let apply = try await world.migrate("apply", from: legacy.source)
        try FileManager.default.removeItem(atPath: legacy.path + "/a.wav")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 1 && undo["failed"] == 1 && undo.errors.contains("no longer there"), "\(undo)")
        try await world.expectObject("input", of: job, Sample.wav(), name: nil)
    }

    @Test("a run that never was is said to be none: exit 1")
    func noRun() async throws {
        let world = try await World.start()
        for verb in ["--undo", "--remove-sources"] {
            let outcome = try await world.collect(["migrate", verb, "20261126T000000Z-abcdef"])
            #expect(outcome.status == 1 && outcome.errors.contains("there is no migration"), "\(outcome)")
        }
    }
}
