import CustodeTesting
import Foundation
import Testing

@Suite("Putting back to what is no longer what it was")
struct UndoHazardTests {
    @Test("a file that was cut short since is not put back to")
    func cutShort() async throws {
        let (world, legacy) = (try await World.start(settings: World.swift), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let job = try await world.legacyJob("a.wav")
        let apply = try await world.migrate("apply", from: legacy.source)
        try legacy.add("a.wav", [])
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 1)
        for now in ["+1d", "+3d", "+20d", "+21d"] { try await world.sweep("--now", now) }
        #expect(try await world.reference("input", of: job) != "a.wav")
    }

    @Test("nor are the bytes then nowhere")
    func cutShortCollected() async throws {
        let (world, legacy) = (try await World.start(settings: World.thorough), try LegacyFolder())
        for _ in 0..<3 { _ = try await world.jobWithInput() }
        try legacy.add("a.wav", sound(10_000, seed: 9))
        let job = try await world.legacyJob("a.wav")
        let apply = try await world.migrate("apply", from: legacy.source)
        #expect(apply[count: "copied"] == 1)
        try legacy.add("a.wav", [])
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 1 && undo["failed"] == 1, "\(undo)")
        try await world.collectAll()
        let left = TestFolder.files(below: world.bucket).keys.filter { $0.contains(job.id) }
        #expect(!left.isEmpty, "Alice's sound is nowhere any more")
    }

    @Test("an object of another's that took the name is not put back to")
    func nameTaken() async throws {
        let world = try await World.start()
        try await world.add("old/a.wav", sound(10_000, seed: 1))
        let job = try await world.legacyJob("old/a.wav")
        let apply = try await world.migrate("apply", from: "prefix:old/", "--remove-sources")
        #expect(apply.outcome.status == 0)
        // Bob's: the old application uses the name again.
        try await world.add("old/a.wav", sound(10_000, seed: 2))
        _ = try await world.legacyJob("old/a.wav", for: world.bob)
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 1 && undo["failed"] == 1 && undo.errors.contains("no longer what was copied"), "\(undo)")
        #expect(try await world.get("input", of: job).body == sound(10_000, seed: 1))
    }

    @Test("nor is a file")
    func nameTakenInFolder() async throws {
        let (world, legacy) = (try await World.start(settings: World.swift), try LegacyFolder())
        try legacy.add("a.wav", sound(10_000, seed: 1))
        let job = try await world.legacyJob("a.wav")
        let apply = try await world.migrate("apply", from: legacy.source, "--remove-sources")
        try legacy.add("a.wav", sound(10_000, seed: 2))
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 1 && undo["failed"] == 1, "\(undo)")
        #expect(try await world.migrate("apply", from: legacy.source)[count: "copied"] == 0)
        #expect(try await world.get("input", of: job).body == sound(10_000, seed: 1))
    }

    @Test("a row that referred to nothing is not put back while its file is in quarantine")
    func vacantRemoved() async throws {
        let (world, legacy) = (try await World.start(settings: World.thorough), try LegacyFolder())
        for _ in 0..<3 { _ = try await world.jobWithInput() }
        try await world.add("old/d.txt", Sample.text())
        let job = try await world.newJob()
        try legacy.add("m.csv", Array("bucket:old/d.txt,\(job.id),transcript\n".utf8))
        let apply = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv", "--remove-sources")
        #expect(apply[count: "copied"] == 1)
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 1 && undo["failed"] == 1, "\(undo)")
        try await world.collectAll()
        let left = TestFolder.files(below: world.bucket).keys.filter { $0.hasSuffix(".txt") }
        #expect(!left.isEmpty, "nothing is left of it")
    }

    @Test("nor when its file is gone")
    func vacantGone() async throws {
        let (world, legacy) = (try await World.start(settings: World.swift), try LegacyFolder())
        try legacy.add("d.txt", Sample.text())
        let job = try await world.newJob()
        try legacy.add("m.csv", Array("d.txt,\(job.id),transcript\n".utf8))
        let apply = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        try FileManager.default.removeItem(atPath: legacy.path + "/d.txt")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 1)
        #expect(try await world.get("transcript", of: job).status == 200)
    }

    @Test("an interrupted run that was put back does not go on")
    func interrupted() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let job = try await world.legacyJob("a.wav")
        let apply = try await world.migrate("apply", from: legacy.source)
        try await world.database.sql("update custode.migrations set finished_at = null, counts = null")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo["matched"] == 1)
        let over = try await world.migrate("apply", from: legacy.source)
        let back = try await world.collect(["migrate", "--undo", over.outcome.runID])
        #expect(try await world.reference("input", of: job) == "a.wav")
        #expect(back["found"] == 1)
    }
}
