import CustodeTesting
import Foundation
import Testing

@Suite("An object that S3 takes longer to copy than a claim lasts", .timeLimit(.minutes(3)))
struct S3SlowMoveTests {
    private static let settings = World.swift.merging([
        "CUSTODE_POLICY_COLLECTION_LEADER_LEASE": "2s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "1h",
    ]) { $1 }

    /// A world whose runs go by way of a proxy that holds back the next copy.
    private struct Stage {
        let world: World
        let proxy: FaultProxy
        let orphan: String

        static func set(_ settings: [String: String] = [:]) async throws -> Stage {
            let (world, proxy) = try await World.behindProxy(
                S3SlowMoveTests.settings.merging(settings) { $1 })
            try await world.furnish(1)
            try await world.sweep("--now", "+1m")
            let orphan = try #require(try await world.plantOrphans(1).keys.first)
            try await world.sweep("--now", "+1m")
            return Stage(world: world, proxy: proxy, orphan: orphan)
        }

        func holdCopy(into place: String = ".trash/", _ direction: ProxyFault.Direction = .toServer) throws {
            proxy.hold(matching: "PUT /\(try world.objects.name)/\(place)", direction)
        }

        func isHeld() async throws {
            let isHeld = try await eventually(within: .seconds(30)) { proxy.heldCount > 0 }
            try #require(isHeld)
        }

        /// Waits until the first claim would be over twice, and lets go.
        func outlast() async throws {
            let claimed = "from custode.gc_items where claimed_until is not null"
            let first = try #require(try await world.database.value("select max(claimed_until) \(claimed)"))
            let isOver = try await eventually(within: .seconds(30)) {
                try await world.database.value(
                    "select clock_timestamp() > \(TestDatabase.quote(first))::timestamptz + interval '2 s'") == "t"
            }
            #expect(isOver)
            let holds = try await world.database.value("select bool_and(claimed_until > clock_timestamp()) \(claimed)")
            #expect(holds == "t")
            proxy.release()
        }

        /// Expects that an object went into quarantine in one piece and once, and was told of before.
        func expectQuarantined(_ key: String) async throws {
            #expect(try await world.place(of: key) == .trash)
            #expect(try await world.quarantine()[key]?.count == 1)
            #expect(try await world.audit().filter { $0.key == key }.map(\.action) == ["quarantine"])
            let rows = try await world.database.sql(
                "select state from custode.gc_items where key = \(TestDatabase.quote(key))")
            #expect(rows == [["quarantined"]])
        }
    }

    @Test("a sweep moves it all the same, in one go", arguments: [ProxyFault.Direction.toServer, .toClient])
    func sweep(held direction: ProxyFault.Direction) async throws {
        let stage = try await Stage.set()
        try stage.holdCopy(into: ".trash/", direction)
        let run = try stage.world.launch(["gc", "--now", "+2m"])
        try await stage.isHeld()
        try await stage.outlast()
        let outcome = try await run.end()
        #expect(outcome.status == 0 && outcome["quarantined"] == 1 && outcome["failed"] == 0, "\(outcome)")
        try await stage.expectQuarantined(stage.orphan)
        try await stage.world.close()
    }

    @Test("the service's worker moves it all the same, and another worker leaves its event alone")
    func worker() async throws {
        let stage = try await Stage.set(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms"])
        let world = stage.world
        let (job, key) = try await world.jobWith("input")
        try stage.holdCopy()
        try await world.deleteJob(job)
        try await stage.isHeld()
        let other = try world.replica()
        try await other.start()
        try await stage.outlast()
        let isDone = try await eventually {
            try await world.database.value("select count(*) from custode.outbox") == "0"
        }
        #expect(isDone)
        try await stage.expectQuarantined(key)
        let workers = try await world.database.value("select count(*) from custode.gc_runs where kind = 'worker'")
        #expect(workers == "1")
        try await other.terminate()
        try await world.close()
    }

    @Test("a restoration brings it back all the same")
    func restore() async throws {
        let stage = try await Stage.set()
        let (world, key) = (stage.world, stage.orphan)
        try await world.sweep("--now", "+2m")
        #expect(try await world.place(of: key) == .trash)
        try stage.holdCopy(into: "users/")
        let run = try world.launch(["restore", "--key", key])
        try await stage.isHeld()
        try await stage.outlast()
        let outcome = try await run.end()
        #expect(outcome.status == 0 && outcome["restored"] == 1, "\(outcome)")
        #expect(try await world.place(of: key) == .place)
        #expect(try await world.database.value("select count(*) from custode.gc_items") == "0")
        try await world.close()
    }

    @Test("a claim that another has taken ends the copy at once, and the object stays")
    func lost() async throws {
        let stage = try await Stage.set()
        let (world, key) = (stage.world, stage.orphan)
        try stage.holdCopy()
        let run = try world.launch(["gc", "--now", "+2m"])
        try await stage.isHeld()
        try await world.database.sql(
            "update custode.gc_items set claimed_by = 'another', trash_key = trash_key || '.another'"
                + " where state = 'quarantining'")
        let outcome = try await run.end()
        #expect(outcome.status == 0 && outcome["quarantined"] == 0 && outcome["failed"] == 0, "\(outcome)")
        #expect(try await world.place(of: key) == .place)
        #expect(stage.proxy.count(matching: "DELETE ") == 0)
        let rows = try await world.database.sql("select state, claimed_by from custode.gc_items where state <> 'seen'")
        #expect(rows == [["quarantining", "another"]])
        try await world.close()
    }
}
