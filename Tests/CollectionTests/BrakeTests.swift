import CustodeTesting
import Foundation
import Testing

@Suite("The brakes on how much goes", .serialized)
struct BrakeTests {
    /// A brake that guards a volume, with a setting at which it just lets the run through and one at which it just holds.
    struct Edge: Sendable, CustomTestStringConvertible {
        let brake: String
        let key: String
        let passing: String
        let holding: String
        var testDescription: String { "\(key): \(passing) passes, \(holding) holds" }

        func settings(_ value: String) -> [String: String] {
            let all = [
                "PERCENT": "100", "MIN_OBJECTS": "1", "OBJECTS": "1000", "BYTES": "1TiB", "USERS": "1000",
                "LIVE_PERCENT": "0",
            ]
            let changed = all.merging(key == "MIN_OBJECTS" ? ["PERCENT": "2"] : [:]) { $1 }.merging([key: value]) { $1 }
            return Dictionary(
                uniqueKeysWithValues: changed.map { ("CUSTODE_POLICY_COLLECTION_BRAKES_" + $0.key, $0.value) })
        }
    }

    /// 100 references; 25 orphans of 100 bytes each, of which 12 and 12 are all that two users have, and one is alice's.
    private func world() async throws -> (world: World, live: [String], orphans: [String]) {
        let world = try await World.start(settings: ["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms"])
        let live = try await world.furnish(100)
        let orphans =
            try world.plantOrphans(12, of: "u1") + world.plantOrphans(12, of: "u2") + world.plantOrphans(1)
        for key in orphans { try world.plant(key, [UInt8](repeating: 0x61, count: 100)) }
        let first = try await world.sweep()
        #expect(first["orphan"] == 25 && first["live"] == 100, "\(first)")
        return (world, live, orphans)
    }

    @Test(
        "I16: each brake lets through what is just at its bound, and holds what is just beyond: exit 3, nothing removed",
        arguments: [
            Edge(brake: "percent", key: "PERCENT", passing: "20", holding: "19.99"),
            Edge(brake: "percent", key: "MIN_OBJECTS", passing: "126", holding: "125"),
            Edge(brake: "objects", key: "OBJECTS", passing: "25", holding: "24"),
            Edge(brake: "bytes", key: "BYTES", passing: "2500", holding: "2499"),
            Edge(brake: "users", key: "USERS", passing: "2", holding: "1"),
        ])
    func edge(_ edge: Edge) async throws {
        let (world, live, orphans) = try await world()
        if edge.brake != "percent" {
            // Seen once only, or too young: they are there, and count neither for what would go nor against their users.
            _ = try world.plantOrphans(3, of: "u3")
            _ = try world.plantOrphans(2, of: "u4", age: .seconds(60))
        }
        let held = try await world.expectHeld(by: edge.brake, "--now", "+21h", settings: edge.settings(edge.holding))
        #expect(held["due"] == 25 && held["bytes_due"] == 2_500, "\(held)")
        #expect(try await world.isTold("custode_gc_blocked{brake=\"\(edge.brake)\"}"))
        let done = try await world.sweep("--now", "+21h", settings: edge.settings(edge.passing))
        #expect(done["quarantined"] == 25 && done.verdict == "done", "\(done)")
        for key in orphans { world.expect(.trash, of: key) }
        for key in live { world.expect(.place, of: key) }
        let isOver = try await eventually {
            try await !world.service.admin.request("GET", "/metrics").text.contains("custode_gc_blocked{")
        }
        #expect(isOver)
        try await world.close()
    }

    @Test("I16: 90 of the last run's 100 references pass, 89 are held, and the bound is the policy's")
    func live() async throws {
        let (world, live, orphans) = try await world()
        let wide = Edge(brake: "live", key: "LIVE_PERCENT", passing: "", holding: "")
        try await world.forget(references: live[..<11])
        let held = try await world.expectHeld(by: "live", "--now", "+21h", settings: wide.settings("90"))
        #expect(held["live"] == 89, "\(held)")
        #expect(try await world.isTold("custode_gc_blocked{brake=\"live\"}"))
        try await world.expectHeld(by: "live", "--now", "+21h", settings: wide.settings("89.01"))
        // A blocked run is no last good run: what it counted is not compared with.
        try await world.expectHeld(by: "live", "--now", "+21h", settings: wide.settings("90"))
        try await world.unseen("update jobs set input_ref = '\(live[0])' where '\(live[0])' like '%' || id || '%'")
        let done = try await world.sweep("--now", "+21h", settings: wide.settings("90"))
        #expect(done["live"] == 90 && done["quarantined"] == 25, "\(done)")
        for key in orphans { world.expect(.trash, of: key) }
        try await world.close()
    }

    @Test(
        "I15: with the SaaS's tables empty nothing goes, however the policy is set, and only the override says otherwise"
    )
    func empty() async throws {
        let (world, live, orphans) = try await world()
        let none = Edge(brake: "live", key: "LIVE_PERCENT", passing: "", holding: "").settings("0")
        try await world.unseen("delete from artifacts; delete from jobs")
        let held = try await world.expectHeld(by: "live", "--now", "+21h", settings: none)
        #expect(held["live"] == 0 && held["orphan"] == 125, "\(held)")
        let hash = try #require(held.planHash)
        let done = try await world.sweep("--now", "+21h", "--override", hash, settings: none)
        #expect(done["quarantined"] == 25, "\(done)")
        for key in orphans { world.expect(.trash, of: key) }
        for key in live { world.expect(.place, of: key) }
        try await world.close()
    }

    @Test("--override with the plan's hash lifts every brake on volume, and a wrong or an outdated hash lifts none")
    func override() async throws {
        let (world, live, orphans) = try await world()
        // All five would hold, one after the other.
        let tight = ["PERCENT": "0", "OBJECTS": "0", "BYTES": "0", "USERS": "0", "LIVE_PERCENT": "100"]
        let settings = Dictionary(
            uniqueKeysWithValues: tight.map { ("CUSTODE_POLICY_COLLECTION_BRAKES_" + $0.key, $0.value) })
        try await world.forget(references: live[..<1])
        let held = try await world.expectHeld(by: "live", "--now", "+21h", settings: settings)
        let hash = try #require(held.planHash)
        #expect(hash.count == 64 && hash.allSatisfy(\.isHexDigit))
        let wrong = String(hash.reversed())
        for other in [wrong, "", String(hash.dropLast()), "*"] {
            try await world.expectHeld(
                by: "live", "--now", "+21h", "--override", other, settings: settings)
        }
        // Without one of its objects it is another plan.
        try world.setAge(.days(4), of: orphans[0])
        try await world.expectHeld(by: "live", "--now", "+21h", "--override", hash, settings: settings)
        let other = try #require(
            try await world.expectHeld(by: "live", "--now", "+21h", settings: settings).planHash)
        #expect(other != hash)
        let done = try await world.sweep("--now", "+21h", "--override", other, settings: settings)
        #expect(done["quarantined"] == 24 && done.verdict == "done", "\(done)")
        world.expect(.place, of: orphans[0])
        try await world.close()
    }

    @Test("a user of whom something stays does not count as one who loses everything")
    func wholeUsers() async throws {
        let world = try await World.start(settings: World.collecting)
        try await world.furnish(1)
        for user in ["a", "b", "c"] { _ = try world.plantOrphans(2, of: user) }
        try await world.sweep()
        _ = try world.plantOrphans(1, of: "a", age: .seconds(60))
        _ = try world.plantOrphans(1, of: "b")
        let one = ["CUSTODE_POLICY_COLLECTION_BRAKES_USERS": "0"]
        try await world.expectHeld(by: "users", "--now", "+21h", settings: one)
        let done = try await world.sweep(
            "--now", "+21h", settings: ["CUSTODE_POLICY_COLLECTION_BRAKES_USERS": "1"])
        #expect(done["quarantined"] == 6, "\(done)")
        try await world.close()
    }

    @Test("a dry run is held like any other, and with the override tells what would go")
    func dry() async throws {
        let (world, _, orphans) = try await world()
        let tight = [
            "CUSTODE_POLICY_COLLECTION_BRAKES_OBJECTS": "24", "CUSTODE_POLICY_COLLECTION_BRAKES_PERCENT": "100",
        ]
        let held = try await world.expectHeld(by: "objects", "--dry-run", "--now", "+21h", settings: tight)
        let hash = try #require(held.planHash)
        let dry = try await world.sweep("--dry-run", "--now", "+21h", "--override", hash, settings: tight)
        #expect(dry.verdict == "dry" && dry["due"] == 25, "\(dry)")
        for key in orphans { world.expect(.place, of: key) }
        try await world.close()
    }

    @Test(
        "the brakes on volume do not bind the outbox: all that a user deletes goes, by gc --outbox-only and the worker")
    func outbox() async throws {
        let names = ["PERCENT", "MIN_OBJECTS", "OBJECTS", "BYTES", "USERS"].map {
            "CUSTODE_POLICY_COLLECTION_BRAKES_" + $0
        }
        let tight = Dictionary(uniqueKeysWithValues: names.map { ($0, "0") })
            .merging(["CUSTODE_POLICY_COLLECTION_BRAKES_LIVE_PERCENT": "100"]) { $1 }
        let world = try await World.start(settings: tight)
        let keys = try await world.furnish(20)
        try await world.sweep()
        try await world.database.sql("delete from jobs")
        let swept = try await world.expectHeld(by: "live", "--now", "+1h")
        #expect(swept["outbox_pending"] == 20, "\(swept)")
        let drained = try await world.sweep("--outbox-only", "--now", "+1h")
        #expect(drained["quarantined"] == 20 && drained.verdict == "done" && drained.brake == nil, "\(drained)")
        for key in keys { world.expect(.trash, of: key) }
        try await world.close()

        let fast = tight.merging([
            "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms",
        ]) { $1 }
        let other = try await World.start(settings: fast)
        let more = try await other.furnish(20)
        try await other.database.sql("delete from jobs")
        #expect(try await eventually { more.allSatisfy { other.whereabouts($0) == .trash } })
        try await other.close()
    }
}
