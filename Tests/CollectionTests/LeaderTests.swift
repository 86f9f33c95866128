import CustodeTesting
import Foundation
import Testing

@Suite("I9: one leader at a time, and none who overslept", .serialized, .timeLimit(.minutes(5)))
struct LeaderTests {
    private static let brief = ["CUSTODE_POLICY_COLLECTION_LEADER_LEASE": "6s"]

    /// A world with something alive, and orphans in the order of their keys that go now.
    private func world(_ orphans: Int, settings: [String: String] = [:]) async throws -> (
        world: World, orphans: [String]
    ) {
        // Its worker does not come before the tests are over: it would settle what a stopped run claimed.
        let quiet = World.collecting.merging(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "1h"]) { $1 }
        let world = try await World.start(settings: quiet.merging(settings) { $1 })
        try await world.furnish(2)
        let keys = try world.plantOrphans(orphans).sorted()
        try await world.sweep()
        return (world, keys)
    }

    /// Starts a run and returns when it leads, has listed the bucket, and waits for what the session holds.
    private func leading(_ world: World, past blocker: TestDatabase.Session, settings: [String: String] = [:])
        async throws -> RunningVerb
    {
        let run = try world.launch(["gc", "--now", "+21h"], settings: settings)
        guard try await eventually({ try await world.database.waiters() > 0 }) else {
            throw HarnessError("the run does not wait: \(try await run.end())")
        }
        return run
    }

    private func leaseToLapse(_ world: World) async throws {
        let hasLapsed = try await eventually {
            try await world.database.value("select lease_until < clock_timestamp() from custode.gc_leader") == "t"
        }
        #expect(hasLapsed)
    }

    /// Makes a job refer to an object that was an orphan.
    private func revive(_ key: String, _ world: World) async throws {
        let id = TestDatabase.quote(try await world.newJob().id)
        try await world.database.sql("update jobs set input_ref = \(TestDatabase.quote(key)) where id = \(id)")
    }

    /// Wakes a run up, which must do nothing but say that it did not finish.
    private func wake(_ run: RunningVerb, _ world: World) async throws {
        // What it did before it fell asleep it may note, and the folder that its last object left empty may go.
        let noted = "custode.gc_items"
        let (rows, files) = (try await Standing.of(world).rows, TestFolder.files(below: world.bucket))
        run.signal(SIGCONT)
        let outcome = try await run.end()
        #expect(outcome.status == 1 && outcome.verdict == "failed", "\(outcome)")
        #expect(outcome.json["detail"].string?.contains("leadership") == true, "\(outcome)")
        let after = try await Standing.of(world).rows
        #expect(after.filter { $0.key != noted } == rows.filter { $0.key != noted }, "\(outcome)")
        #expect(Set(after[noted] ?? []).isSubset(of: rows[noted] ?? []), "\(outcome)")
        #expect(TestFolder.files(below: world.bucket) == files, "\(outcome)")
    }

    @Test("a second run of any kind while one leads, working or stopped: exit 3, brake leader, and it does nothing")
    func second() async throws {
        let (world, orphans) = try await world(2)
        let blocker = try world.database.session()
        try await blocker.run("begin; lock table artifacts in access exclusive mode")
        let first = try await leading(world, past: blocker)
        let others = [
            ["gc", "--now", "+21h"], ["gc", "--dry-run"], ["gc", "--outbox-only"], ["gc", "--override", "x"],
        ]
        for arguments in others { expectBlocked(try await world.collect(arguments), by: "leader") }
        first.signal(SIGSTOP)
        try await first.stopped()
        for arguments in others { expectBlocked(try await world.collect(arguments), by: "leader") }
        #expect(try await world.database.value("select count(*) from custode.gc_runs") == "2")
        try await blocker.end()
        expectBlocked(try await world.gc("--now", "+21h"), by: "leader")
        for key in orphans { world.expect(.place, of: key) }
        first.signal(SIGCONT)
        let outcome = try await first.end()
        #expect(outcome.status == 0 && outcome["quarantined"] == 2, "\(outcome)")
        for key in orphans { world.expect(.trash, of: key) }
        #expect(try await world.sweep("--now", "+21h").verdict == "done")
        try await world.close()
    }

    @Test("a leader is kept out neither by the service's worker nor does it keep it out, and needs no service")
    func worker() async throws {
        let (world, orphans) = try await world(
            1,
            settings: [
                "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms",
            ])
        let deleted = try await world.furnish(1)
        let blocker = try world.database.session()
        try await blocker.run("begin; lock table custode.gc_runs in exclusive mode")
        let first = try await leading(world, past: blocker)
        try await blocker.end()
        first.signal(SIGSTOP)
        try await world.database.sql("delete from jobs where input_ref = \(TestDatabase.quote(deleted[0]))")
        let isCollected = try await eventually { world.whereabouts(deleted[0]) == .trash }
        #expect(isCollected)
        first.signal(SIGCONT)
        #expect(try await first.end().status == 0)
        world.expect(.trash, of: orphans[0])
        try await world.close()
        #expect(try await world.sweep("--now", "+42h").verdict == "done")
    }

    @Test("a killed leader is followed at once, however long its lease")
    func killed() async throws {
        let (world, orphans) = try await world(2)
        let blocker = try world.database.session()
        try await blocker.run("begin; lock table artifacts in access exclusive mode")
        let first = try await leading(world, past: blocker)
        first.signal(SIGKILL)
        #expect(try await first.end().status == 128 + 9)
        try await blocker.end()
        // The server notices the end of a connection when what it waited for lets it go on.
        let isFollowed = try await eventually(within: .seconds(5)) {
            try await world.gc("--now", "+21h").verdict == "done"
        }
        #expect(isFollowed)
        for key in orphans { world.expect(.trash, of: key) }
        #expect(try await world.database.value("select epoch from custode.gc_leader") == "3")
        try await world.close()
    }

    @Test(
        "a leader stopped in the middle of its moves past its lease: another does the rest, and it wakes up to nothing",
        arguments: [1, 3, 6])
    func overslept(nth: Int) async throws {
        let (world, orphans) = try await world(6)
        let first = try world.launch(
            ["gc", "--now", "+21h"], settings: Self.brief,
            tracing: ["-e", "trace=renameat2", "-e", "inject=renameat2:signal=STOP:when=\(nth)"])
        try await first.stopped()
        for (index, key) in orphans.enumerated() { world.expect(index < nth ? .trash : .place, of: key) }
        let revived = nth < 6 ? [orphans[5]] : []
        for key in revived { try await revive(key, world) }
        try await leaseToLapse(world)
        let second = try await world.sweep("--now", "+21h")
        #expect(second["quarantined"] == 6 - revived.count, "\(second)")
        for key in orphans { world.expect(revived.contains(key) ? .place : .trash, of: key) }
        try await wake(first, world)
        for key in orphans { world.expect(revived.contains(key) ? .place : .trash, of: key) }
        let epochs = try await world.database.sql(
            "select run_id = \(TestDatabase.quote(second.runID)), epoch from custode.gc_audit order by id")
        let expected = [["f", "2"]] + (nth < 6 ? [["t", "3"]] : [])
        #expect(epochs.reduce(into: [[String?]]()) { if $0.last != $1 { $0.append($1) } } == expected)
        try await world.close()
    }

    @Test("a leader stopped between the last look and the moves does not act on what it saw once it has overslept")
    func stoppedBeforeMoves() async throws {
        let (world, orphans) = try await world(3)
        let blocker = try world.database.session()
        try await blocker.run("begin; lock table custode.gc_audit in exclusive mode")
        let first = try await leading(world, past: blocker, settings: Self.brief)
        first.signal(SIGSTOP)
        try await first.stopped()
        try await blocker.end()
        let isClaimed = try await eventually {
            try await world.database.value("select count(*) from custode.gc_items where state = 'quarantining'") == "3"
        }
        #expect(isClaimed)
        try await revive(orphans[1], world)
        try await leaseToLapse(world)
        let second = try await world.sweep("--now", "+21h")
        #expect(second["quarantined"] == 2, "\(second)")
        try await wake(first, world)
        world.expect(.place, of: orphans[1])
        try await world.close()
    }

    @Test("a leader that overslept while it purged removes no more, and what was restored meanwhile stays")
    func purge() async throws {
        let (world, orphans) = try await world(4)
        #expect(try await world.sweep("--now", "+21h")["quarantined"] == 4)
        let first = try world.launch(
            ["gc", "--now", "+36d"], settings: Self.brief,
            tracing: ["-e", "trace=unlinkat", "-e", "inject=unlinkat:signal=STOP:when=1"])
        try await first.stopped()
        #expect(orphans.filter { world.whereabouts($0) == .trash }.count == 3)
        let (back, rest) = (orphans[2], [orphans[1], orphans[3]])
        try await leaseToLapse(world)
        let restored = try await world.collect(["restore", "--key", back])
        #expect(restored.status == 0, "\(restored)")
        world.expect(.place, of: back)
        try await wake(first, world)
        for key in rest { world.expect(.trash, of: key) }
        world.expect(.place, of: back)
        let last = try await world.sweep("--now", "+36d")
        #expect(last["purged"] == 2, "\(last)")
        for key in rest { world.expect(.nowhere, of: key) }
        #expect(try await world.database.value("select count(*) from custode.gc_items where state <> 'seen'") == "0")
        try await world.close()
    }

    @Test("of many runs at once one acts at a time: each is done or held, and each object goes once")
    func crowd() async throws {
        let (world, orphans) = try await world(40)
        let outcomes = try await withThrowingTaskGroup(of: CollectionOutcome.self) { group in
            for _ in 0..<6 { group.addTask { try await world.gc("--now", "+21h") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        for outcome in outcomes where outcome.status != 0 { expectBlocked(outcome, by: "leader") }
        #expect(outcomes.map { $0["quarantined"] }.filter { $0 > 0 } == [40])
        for key in orphans { world.expect(.trash, of: key) }
        let rows = try await world.database.value("select count(*), count(distinct key) from custode.gc_audit")
        #expect(rows == "40")
        try await world.close()
    }
}
