import CustodeTesting
import Foundation
import Testing

@Suite(
    "I7: the database goes, or the disk is full, while a run of collection works", .serialized, .timeLimit(.minutes(5)))
struct GCDatabaseFaultTests {
    /// More than a run takes at a time.
    private static let many = 600
    private static let batch = 500

    private static let disconnect = """
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()
        """

    /// Starts a run and stops it in the middle of its first batch of moves.
    private func stoppedInMoves(_ world: World) async throws -> RunningVerb {
        let run = try world.launch(
            ["gc"], tracing: ["-e", "trace=renameat2", "-e", "inject=renameat2:signal=STOP:when=3"])
        try await run.stopped()
        return run
    }

    private func expectFailed(_ outcome: CollectionOutcome, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(outcome.status == 1 && outcome.verdict == "failed", "\(outcome)", sourceLocation: sourceLocation)
        #expect(
            outcome.json["detail"].string?.contains("database") == true, "\(outcome)", sourceLocation: sourceLocation)
    }

    @Test("connections cut while it moves: no further batch is begun, exit 1, and the next runs finish")
    func cutWhileMoving() async throws {
        let crash = try await CrashWorld.start()
        let world = crash.world
        let orphans = try await crash.orphans(Self.many)
        let run = try await stoppedInMoves(world)
        try await world.service.terminate()
        try await world.database.sql(Self.disconnect)
        run.signal(SIGCONT)
        expectFailed(try await run.end())
        let gone = world.trash().count
        #expect((1...Self.batch).contains(gone), "\(gone)")
        try await crash.expectSafe(orphans, "cut")
        try await crash.settle(orphans, "cut")
    }

    @Test("the leader's own connection cut, and no other: no further batch is begun, exit 1")
    func leadershipCut() async throws {
        let crash = try await CrashWorld.start()
        let world = crash.world
        let orphans = try await crash.orphans(Self.many)
        let run = try await stoppedInMoves(world)
        try await world.database.sql(
            """
            select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and pid <> pg_backend_pid()
            and database = (select oid from pg_database where datname = current_database())
            """)
        run.signal(SIGCONT)
        expectFailed(try await run.end())
        let gone = world.trash().count
        #expect((1...Self.batch).contains(gone), "\(gone)")
        try await crash.expectSafe(orphans, "cut")
        try await crash.settle(orphans, "cut")
        try await world.close()
    }

    @Test("connections cut while it takes the last look, or asks what lives: nothing goes, exit 1")
    func cutWhileAsking() async throws {
        for lock in ["custode.gc_audit in exclusive mode", "artifacts in access exclusive mode"] {
            let crash = try await CrashWorld.start()
            let world = crash.world
            let orphans = try await crash.orphans(4)
            let before = try await Standing.of(world)
            let blocker = try world.database.session()
            try await blocker.run("begin; lock table \(lock)")
            let run = try world.launch(["gc"])
            #expect(try await eventually { try await world.database.waiters() > 0 })
            try await world.database.sql(
                """
                select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and wait_event_type = 'Lock'
                """)
            expectFailed(try await run.end())
            try await blocker.end()
            #expect(try await Standing.of(world) == before, "\(lock)")
            for key in orphans.keys { world.expect(.place, of: key) }
            try await crash.settle(orphans, lock)
            try await world.close()
        }
    }

    @Test("the database crashes while it moves: what went was committed to the audit before, and the next runs finish")
    func crash() async throws {
        let cluster = try await PrivatePostgres.start()
        let crash = try await CrashWorld.start(cluster: cluster)
        let world = crash.world
        let orphans = try await crash.orphans(Self.many)
        let run = try await stoppedInMoves(world)
        try await cluster.stop(immediate: true)
        run.signal(SIGCONT)
        expectFailed(try await run.end())
        let gone = world.trash().count
        #expect((1...Self.batch).contains(gone), "\(gone)")
        let down = try await world.gc()
        expectFailed(down)
        #expect(world.trash().count == gone)
        try await cluster.startAgain()
        try await crash.expectSafe(orphans, "crash")
        try await crash.settle(orphans, "crash")
        try await world.close()
        try await cluster.stop()
    }

    @Test(
        "a full state directory: exit 1, a sentence that names it, nothing goes and no sighting is taken",
        .enabled(if: getuid() == 0))
    func fullSpool() async throws {
        let folder = try TestFolder()
        try await Command.succeed("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder.path])
        Reaper.shared.unmount(folder.path)
        let crash = try await CrashWorld.start()
        let world = crash.world
        let orphans = try await crash.orphans(10)
        // More than is gathered before it is written.
        _ = try world.plantOrphans(2_000, age: .seconds(60))
        let before = try await Standing.of(world)
        let outcome = try await world.gc(settings: ["CUSTODE_STATE_DIR": folder.path])
        #expect(outcome.status == 1 && outcome.verdict == "failed" && outcome.brake == nil, "\(outcome)")
        let detail = outcome.json["detail"].string ?? ""
        #expect(detail.contains("state directory") && detail.contains("No space left"), "\(detail)")
        #expect(try await Standing.of(world) == before)
        #expect(TestFolder.files(below: folder.path).isEmpty)
        try await crash.settle(orphans, "full")
        try await world.close()
        try await Command.succeed("/usr/bin/umount", ["-l", folder.path])
    }

    @Test("a state directory that cannot be: exit 1, a sentence that names it, nothing goes")
    func noSpool() async throws {
        let crash = try await CrashWorld.start()
        let orphans = try await crash.orphans(2)
        let before = try await Standing.of(crash.world)
        let outcome = try await crash.world.gc(settings: ["CUSTODE_STATE_DIR": "/proc/none"])
        #expect(outcome.status == 1 && outcome.verdict == "failed", "\(outcome)")
        #expect(outcome.json["detail"].string?.contains("state directory") == true, "\(outcome)")
        #expect(try await Standing.of(crash.world) == before)
        try await crash.settle(orphans, "none")
        try await crash.world.close()
    }
}
