import CustodeTesting
import Foundation
import Testing

/// Debian's package `faketime`.
private enum FakeTime {
    /// What makes a program take another time for the present.
    static let library: String? = {
        let folders = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib")) ?? []
        return folders.map { "/usr/lib/\($0)/faketime/libfaketimeMT.so.1" }.first {
            FileManager.default.fileExists(atPath: $0)
        }
    }()
}

@Suite("The brakes on clocks that differ and plans that are old", .serialized, .enabled(if: FakeTime.library != nil))
struct ClockTests {
    /// The settings of a machine whose clock is wrong; the bucket's and the database's are right.
    private static func settings(_ more: [String: String]) -> [String: String] {
        let all = [
            "LD_PRELOAD": FakeTime.library ?? "", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1",
            "FAKETIME_NO_CACHE": "1",
            // Without it the library would make one and move the environment, beside which Swift looks for the arguments.
            "FAKETIME_SHARED": "/none /none",
        ]
        return all.merging(more) { $1 }
    }

    private func world() async throws -> (world: World, orphan: String) {
        let world = try await World.start(
            settings: World.collecting.merging(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms"]) { $1 })
        try await world.furnish(2)
        let orphan = try #require(try world.plantOrphans(1).first)
        try await world.sweep()
        return (world, orphan)
    }

    // The database's clock is read first, so that a slow machine makes a difference greater, or nearer to none.
    @Test(
        "clocks that differ by more than 60 s hold, in either direction", arguments: ["+60.5s", "-70s", "+5d", "-20y"])
    func skewed(_ offset: String) async throws {
        let (world, orphan) = try await world()
        let wrong = Self.settings(["FAKETIME": offset])
        try await world.expectHeld(by: "clock_skew", settings: wrong)
        try await world.expectHeld(by: "clock_skew", "--now", "+21h", "--override", "x", settings: wrong)
        try await world.expectHeld(by: "clock_skew", "--outbox-only", settings: wrong)
        #expect(try await world.isTold("custode_gc_blocked{brake=\"clock_skew\"}"))
        world.expect(.place, of: orphan)
        try await world.close()
    }

    @Test("clocks that differ by less pass", arguments: ["+50s", "-59.5s"])
    func nearlyRight(_ offset: String) async throws {
        let (world, orphan) = try await world()
        let done = try await world.sweep("--now", "+21h", settings: Self.settings(["FAKETIME": offset]))
        #expect(done["quarantined"] == 1, "\(done)")
        world.expect(.trash, of: orphan)
        try await world.close()
    }

    @Test("--now does not count as a clock: no distance of it holds")
    func now() async throws {
        let (world, _) = try await world()
        #expect(try await world.sweep("--dry-run", "--now", "+3650d").brake == nil)
        try await world.close()
    }

    @Test(
        "a plan that became older than six hours while it was made holds, and one a little younger is carried out",
        arguments: [false, true])
    func planAge(isOld: Bool) async throws {
        let (world, orphan) = try await world()
        let folder = try TestFolder()
        let time = folder.path + "/time"
        try "+0s".write(toFile: time, atomically: true, encoding: .utf8)
        let blocker = try world.database.session()
        try await blocker.run("begin; lock table artifacts in access exclusive mode")
        let run = try world.launch(
            ["gc", "--now", "+21h"], settings: Self.settings(["FAKETIME_TIMESTAMP_FILE": time]))
        // It has listed the bucket and now wants to know what lives.
        #expect(try await eventually { try await world.database.waiters() > 0 })
        try (isOld ? "+21601s" : "+21000s").write(toFile: time, atomically: true, encoding: .utf8)
        let before = Inventory(world.bucket)
        try await blocker.end()
        let outcome = try await run.end()
        if isOld {
            expectBlocked(outcome, by: "plan_age")
            #expect(Inventory(world.bucket) == before)
            #expect(try await world.audit().isEmpty)
            #expect(try await world.isTold("custode_gc_blocked{brake=\"plan_age\"}"))
        } else {
            #expect(outcome.status == 0, "\(outcome)")
        }
        world.expect(isOld ? .place : .trash, of: orphan)
        try await world.close()
    }
}
