import CustodeTesting
import Foundation
import Testing

@Suite("custode migrate --remove-sources")
struct RemovalTests {
    @Test(
        "sources go through quarantine, come back by restore, and are purged in the end", arguments: BucketKind.allCases
    )
    func quarantine(kind: BucketKind) async throws {
        let world = try await kind.world(World.swift)
        try await world.add("old/a.wav", Sample.wav())
        try await world.add("old/nobody.wav", Sample.wav())
        let job = try await world.legacyJob("old/a.wav")
        let apply = try await world.migrate("apply", from: "prefix:old/")
        #expect(try await world.bytes(of: "old/a.wav") != nil, "not before it is asked for")
        let removal = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
        #expect(removal.status == 0 && removal["bytes"] == Sample.wav().count, "\(removal)")
        #expect(try await world.bytes(of: "old/a.wav") == nil)
        #expect(try await world.bytes(of: "old/nobody.wav") == Sample.wav())
        let trash = try await world.keys(".trash/")
        #expect(trash.count == 1 && trash[0].hasSuffix("/\(removal.runID)/old/a.wav"), "\(trash)")
        try await world.expectObject("input", of: job, Sample.wav(), name: nil)
        let audit = try await world.audit().map { "\($0.action) \($0.key) \($0.reason)" }
        #expect(audit.contains("quarantine old/a.wav migrated"), "\(audit)")

        let restored = try await world.collect(["restore", "--run", removal.runID])
        #expect(restored.status == 0 && restored["restored"] == 1, "\(restored)")
        #expect(try await world.bytes(of: "old/a.wav") == Sample.wav())
        // It can be put back now.
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 0 && undo["matched"] == 1, "\(undo)")
        #expect(try await world.get("input", of: job).body == Sample.wav())

        let again = try await world.migrate("apply", from: "prefix:old/", "--remove-sources")
        #expect(again.outcome.status == 0 && again[count: "copied"] == 1, "\(again.outcome)")
        #expect(try await world.bytes(of: "old/a.wav") == nil)
        let one = try await world.collect(["restore", "--key", "old/a.wav"])
        #expect(one.status == 0 && one["restored"] == 1, "\(one)")
        _ = try await world.migrate("apply", from: "prefix:old/", "--remove-sources")
        try await world.sweep("--now", "+15d")
        let purged = try await world.sweep("--now", "+15d")
        #expect(try await world.keys(".trash/").filter { $0.hasSuffix("old/a.wav") } == [], "\(purged)")
        try await world.expectObject("input", of: job, Sample.wav(), name: nil)
        #expect(try await world.bytes(of: "old/nobody.wav") == Sample.wav(), "I10: never touched")
    }

    @Test("files of a directory go into its own .trash, and come back with their references")
    func directory() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("sub/a.wav", Sample.wav())
        try legacy.add("nobody.wav", Sample.wav())
        let job = try await world.legacyJob("sub/a.wav")
        let apply = try await world.migrate("apply", from: legacy.source, "--remove-sources")
        #expect(apply.outcome.status == 0, "\(apply.outcome)")
        let left = TestFolder.files(below: legacy.path).keys.sorted()
        #expect(left.count == 2 && left[0].hasPrefix(".trash/") && left[0].hasSuffix("/sub/a.wav"), "\(left)")
        let again = try await world.migrate("apply", from: legacy.source, "--remove-sources")
        #expect(again[count: "found"] == 1 && again[count: "copied"] == 0, "the trash is no source: \(again.outcome)")
        let undo = try await world.collect(["migrate", "--undo", apply.outcome.runID])
        #expect(undo.status == 0 && undo["matched"] == 1, "\(undo)")
        #expect(legacy.bytes("sub/a.wav") == Sample.wav())
        #expect(try await world.reference("input", of: job) == "sub/a.wav")
    }

    @Test("a file stays that changed since, whose copy is gone, or that somebody still refers to")
    func kept() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        for name in ["changed", "lost", "shared", "fine"] { try legacy.add("\(name).wav", Sample.wav()) }
        for name in ["changed", "lost", "shared", "fine"] { _ = try await world.legacyJob("\(name).wav") }
        let apply = try await world.migrate("apply", from: legacy.source)
        #expect(apply[count: "copied"] == 4, "\(apply.outcome)")
        try legacy.add("changed.wav", sound(20_000))
        let lost = try #require(apply.lines.first { $0.source == "lost.wav" }?.key)
        try FileManager.default.removeItem(atPath: world.bucket + "/" + lost)
        // By its other spelling.
        _ = try await world.legacyJob(legacy.path + "/shared.wav", for: world.bob)
        let removal = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
        #expect(removal.status == 1 && removal["failed"] == 2 && removal["skipped"] == 1, "\(removal)")
        for name in ["changed", "lost", "shared"] { #expect(legacy.bytes("\(name).wav") != nil, "\(name)") }
        #expect(legacy.bytes("fine.wav") == nil)
        #expect(removal.errors.contains("changed since") && removal.errors.contains("not in the bucket"))
    }

    @Test("one file that became several objects goes once, with the last of them")
    func shared() async throws {
        let world = try await World.start()
        try await world.add("old/a.wav", Sample.wav())
        let jobs = [try await world.legacyJob("old/a.wav"), try await world.legacyJob("old/a.wav", for: world.bob)]
        let apply = try await world.migrate("apply", from: "prefix:old/", "--remove-sources")
        #expect(apply.outcome.status == 0 && apply[count: "copied"] == 2, "\(apply.outcome)")
        #expect(try await world.bytes(of: "old/a.wav") == nil)
        for job in jobs { try await world.expectObject("input", of: job, Sample.wav(), name: "a.wav") }
        #expect(
            try await world.database.value("select count(*) from custode.ref_rewrites where state = 'removed'") == "2")
    }

    @Test("collection takes the sources of open rewrites for alive, even those of our naming")
    func collection() async throws {
        let world = try await World.start(settings: World.swift)
        // An object of ours whose row was forgotten: its reference is from before.
        let job = try await world.jobWithInput()
        let key = try #require(try await world.reference("input", of: job))
        try await world.unseen("delete from custode.objects")
        try await world.database.sql("update jobs set input_ref = \(TestDatabase.quote(key))")
        let apply = try await world.migrate("apply", from: "prefix:users/")
        #expect(apply.outcome.status == 0 && apply[count: "copied"] == 1, "\(apply.outcome) \(apply.lines)")
        #expect(try await world.reference("input", of: job) != key)
        for _ in 0..<3 { try await world.sweep() }
        #expect(world.whereabouts(key) == .place)
        let removal = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
        #expect(removal.status == 0, "\(removal)")
        #expect(world.whereabouts(key) == .trash)
    }

    @Test("a job that is deleted takes its copy with it; the file is removed with the others")
    func deleted() async throws {
        let (world, legacy) = (try await World.start(settings: World.swift), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let job = try await world.legacyJob("a.wav")
        let apply = try await world.migrate("apply", from: legacy.source)
        let key = try #require(try await world.reference("input", of: job))
        try await world.deleteJob(job)
        try await world.sweep("--outbox-only")
        #expect(world.whereabouts(key) == .trash)
        let removal = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
        #expect(removal.status == 0 && legacy.bytes("a.wav") == nil, "\(removal)")
    }
}
