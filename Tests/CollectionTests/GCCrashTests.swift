import CustodeTesting
import Foundation
import Testing

@Suite("I4, I5: a run of collection that ends anywhere", .serialized, .timeLimit(.minutes(10)))
struct GCCrashTests {
    private static let killed: Int32 = 128 + 9

    /// Kills one run after the other at the nth of these calls, for each n until none is killed.
    private func killEach(_ call: String, step: Int = 1) async throws -> Int {
        let crash = try await CrashWorld.start()
        var nth = 1
        while true {
            let context = "killed at \(call) \(nth)"
            let orphans = try await crash.orphans(4)
            let (outcome, trace) = try await crash.world.gc(
                tracing: ["-e", "trace=\(call)", "-e", "inject=\(call):signal=KILL:when=\(nth)"])
            try await crash.expectSafe(orphans, context)
            guard outcome.status == Self.killed else {
                #expect(outcome.status == 0, "\(outcome)\n\(trace.joined(separator: "\n"))")
                break
            }
            try await crash.settle(orphans, context)
            nth += step
        }
        try await crash.world.close()
        return (nth - 1) / step
    }

    @Test(
        "killed at any of the calls that change the bucket: nothing is lost, all that went is in the audit, the next runs finish",
        arguments: [("renameat2", 4...), ("syncfs", 1...), ("mkdirat", 8...), ("unlinkat", 8...)]
            as [(String, PartialRangeFrom<Int>)])
    func bucket(call: String, crashes: PartialRangeFrom<Int>) async throws {
        let count = try await killEach(
            call, step: Checkout.isFastRun && ["mkdirat", "unlinkat"].contains(call) ? 4 : 1)
        #expect(Checkout.isFastRun || crashes.contains(count), "\(count) crashes")
    }

    @Test("killed at any of its sendings to the database, the same", .tags(.slow))
    func database() async throws {
        // They are counted for each thread, so that a number ends one run here and another there.
        let count = try await killEach("sendto", step: Checkout.isFastRun ? 7 : 1)
        #expect(count > (Checkout.isFastRun ? 1 : 15), "\(count) crashes")
    }

    @Test("killed while it purges: each that is gone is in the audit, the rest stays whole, the next run finishes")
    func purge() async throws {
        let crash = try await CrashWorld.start()
        let world = crash.world
        var nth = 1
        while true {
            let orphans = try await crash.orphans(3)
            #expect(try await world.sweep()["quarantined"] == 3)
            let places = orphans.keys.flatMap { world.trash()[$0] ?? [] }
            let (outcome, _) = try await world.gc(
                tracing: ["-e", "trace=unlinkat", "-e", "inject=unlinkat:signal=KILL:when=\(nth)"], "--now", "+15d")
            let told = try await world.database.sql("select trash_key from custode.gc_audit where action = 'purge'")
            for place in places where world.stored(place) == nil {
                #expect(told.contains([place]), "\(nth): \(place) is not in the audit")
            }
            for (key, bytes) in orphans {
                for place in world.trash()[key] ?? [] { #expect(world.stored(place) == bytes, "\(nth): \(place)") }
            }
            guard outcome.status == Self.killed else {
                #expect(outcome.status == 0, "\(outcome)")
                break
            }
            let next = try await world.sweep("--now", "+15d")
            #expect(next["failed"] == 0, "\(next)")
            #expect(orphans.keys.allSatisfy { world.whereabouts($0) == .nowhere }, "\(nth)")
            #expect(try await world.database.value("select count(*) from custode.gc_items") == "0", "\(nth)")
            nth += Checkout.isFastRun ? 5 : 1
        }
        #expect(nth > 3)
        try await world.close()
    }

    @Test(
        "a move that fails fails its object alone: exit 1, the others go, no sighting is taken, the next run moves it")
    func oneMoveFails() async throws {
        for (error, nth) in [("EIO", 2), ("ENOSPC", 1), ("EXDEV", 4), ("EACCES", 3)] {
            let crash = try await CrashWorld.start()
            let world = crash.world
            let orphans = try await crash.orphans(4)
            let later = try world.plantOrphans(1)
            let (outcome, _) = try await world.gc(
                tracing: ["-e", "trace=renameat2", "-e", "inject=renameat2:error=\(error):when=\(nth)"])
            #expect(outcome.status == 1 && outcome.verdict == "failed", "\(error): \(outcome)")
            #expect(outcome["failed"] == 1 && outcome["quarantined"] == 3, "\(error): \(outcome)")
            #expect(orphans.keys.filter { world.whereabouts($0) == .place } == [orphans.keys.sorted()[nth - 1]])
            let seen = try await world.database.value(
                "select count(*) from custode.gc_items where key = \(TestDatabase.quote(later[0]))")
            #expect(seen == "0", "I6: \(error)")
            try await crash.expectSafe(orphans, error)
            let next = try await world.gc()
            #expect(next.status == 0 && next["quarantined"] == 1, "\(error): \(next)")
            for key in later { world.expect(.place, of: key) }
            try await crash.settle(orphans, error)
            try await world.close()
        }
    }

    @Test("a sync that fails leaves nothing told as done: exit 1, and the next run finds out what is true")
    func syncFails() async throws {
        let crash = try await CrashWorld.start()
        let orphans = try await crash.orphans(4)
        let (outcome, _) = try await crash.world.gc(
            tracing: ["-e", "trace=syncfs", "-e", "inject=syncfs:error=EIO"])
        #expect(outcome.status == 1 && outcome["quarantined"] == 0 && outcome["failed"] == 4, "\(outcome)")
        #expect(
            try await crash.world.database.value("select count(*) from custode.gc_items where state = 'quarantined'")
                == "0")
        try await crash.expectSafe(orphans, "sync")
        try await crash.settle(orphans, "sync")
        try await crash.world.close()
    }

    @Test(
        "a removal that fails while purging fails its object alone: exit 1, it stays in quarantine, the next run removes it"
    )
    func oneRemovalFails() async throws {
        let crash = try await CrashWorld.start()
        let world = crash.world
        let orphans = try await crash.orphans(3)
        try await world.sweep()
        let (outcome, _) = try await world.gc(
            tracing: ["-e", "trace=unlinkat", "-e", "inject=unlinkat:error=EIO:when=1"], "--now", "+15d")
        #expect(outcome.status == 1 && outcome["purged"] == 2 && outcome["failed"] == 1, "\(outcome)")
        #expect(orphans.keys.filter { world.whereabouts($0) == .trash }.count == 1)
        let next = try await world.sweep("--now", "+15d")
        #expect(next["purged"] == 1, "\(next)")
        #expect(orphans.keys.allSatisfy { world.whereabouts($0) == .nowhere })
        try await world.close()
    }
}
