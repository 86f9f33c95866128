import CustodeTesting
import Foundation
import Testing

@Suite("The brakes on a world that is not fit for collection", .serialized)
struct CircumstanceTests {
    /// A world with something alive and one orphan that would go now, and a worker that loses no time.
    private func world(cluster: PrivatePostgres? = nil) async throws -> (world: World, orphan: String) {
        let world = try await World.start(
            settings: World.collecting.merging([
                "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms", "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s",
            ]) { $1 }, cluster: cluster)
        try await world.furnish(2)
        let orphan = try #require(try world.plantOrphans(1).first)
        try await world.sweep()
        return (world, orphan)
    }

    @Test("a standby holds: what it does not know yet is not gone")
    func standby() async throws {
        let cluster = try await PrivatePostgres.start(isDurable: false)
        let (world, orphan) = try await world(cluster: cluster)
        let copy = try await cluster.standby()
        let replica = copy.database(like: world.database)
        let isThere = try await eventually(within: .seconds(30)) {
            (try? await replica.value("select count(*) from custode.gc_runs")) == "1"
        }
        #expect(isThere)
        let settings = ["CUSTODE_DATABASE_URL": replica.uri]
        try await world.expectHeld(by: "standby", "--now", "+21h", settings: settings)
        try await world.expectHeld(by: "standby", "--now", "+21h", "--override", "x", settings: settings)
        try await world.expectHeld(by: "standby", "--outbox-only", settings: settings)
        try await world.expectHeld(by: "standby", "--dry-run", settings: settings)
        #expect(try await world.sweep("--now", "+21h")["quarantined"] == 1)
        world.expect(.trash, of: orphan)
        try await world.close()
        try await copy.stop()
        try await cluster.stop()
    }

    @Test(
        "row-level security that hides rows, all of them, some or none, holds gc and the worker",
        arguments: [
            "", "create policy a_few on jobs using (type <> 'translation')", "create policy every on jobs using (true)",
        ], ["jobs", "artifacts"])
    func rowSecurity(policy: String, table: String) async throws {
        let (world, orphan) = try await world()
        try await world.service.terminate()
        let narrow = try await world.narrowURI()
        let settings = ["CUSTODE_DATABASE_URL": narrow]
        // The grants are enough as long as nothing is hidden.
        #expect(try await world.sweep("--dry-run", settings: settings)["orphan"] == 1)

        let service = try CustodeProcess(
            database: narrow, bucket: "file://" + world.bucket, keys: [world.bothKey],
            settings: [
                "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms", "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s",
            ])
        try await service.start()
        let policy = policy.replacing("on jobs", with: "on " + table)
            .replacing("type", with: table == "jobs" ? "type" : "kind")
        try await world.database.sql("alter table \(table) enable row level security; \(policy)")
        let keys = try await world.furnish(1)
        // No deletion, which would be rightful, but an event about what lives and seems gone where it is hidden.
        let events = (keys + [orphan]).map { "(\(TestDatabase.quote($0)), '', 'a test')" }.joined(separator: ", ")
        try await world.database.sql("insert into custode.outbox (key, job_id, reason) values \(events)")
        try await world.expectHeld(by: "row_security", "--now", "+21h", settings: settings)
        try await world.expectHeld(by: "row_security", "--outbox-only", "--now", "+21h", settings: settings)
        let isTold = try await eventually {
            let text = try await service.admin.request("GET", "/metrics").text
            return text.contains("custode_collection_braked{brake=\"row_security\"} 1\n")
                && text.contains("custode_gc_blocked{brake=\"row_security\"} 1\n")
                && text.contains("custode_outbox_pending 2\n")
        }
        #expect(isTold)
        world.expect(.place, of: keys[0])
        world.expect(.place, of: orphan)
        // Whoever may see all rows is not in its way.
        try await world.database.sql("alter role \(try #require(URLComponents(string: narrow)?.user)) bypassrls")
        let isDone = try await eventually { world.whereabouts(orphan) == .trash }
        #expect(isDone)
        world.expect(.place, of: keys[0])
        try await service.terminate()
    }

    @Test(
        "I7: a listing that fails at any of its reads holds, and nothing is concluded from what was listed",
        arguments: 1...4)
    func listing(nth: Int) async throws {
        let (world, orphan) = try await world()
        for user in ["a", "b", "z"] { _ = try world.plantOrphans(2, of: user) }
        let before = try await Standing.of(world)
        let (outcome, trace) = try await world.gc(
            tracing: ["-e", "trace=getdents64", "-e", "inject=getdents64:error=EIO:when=\(nth)+"], "--now", "+21h")
        expectBlocked(outcome, by: "listing")
        #expect(trace.contains { $0.contains("INJECTED") }, "\(trace)")
        #expect(try await Standing.of(world) == before)
        #expect(try await world.isTold("custode_gc_blocked{brake=\"listing\"}"))
        world.expect(.place, of: orphan)
        #expect(try await world.sweep("--now", "+21h")["quarantined"] == 1)
        try await world.close()
    }

    @Test("a database without the schema, or without the SaaS's tables, holds with the brake schema")
    func schema() async throws {
        let bare = try await World.prepare()
        let orphan = try #require(try bare.plantOrphans(1).first)
        for arguments in [[], ["--dry-run"], ["--outbox-only"], ["--override", "x"]] {
            let outcome = try await bare.collect(["gc"] + arguments)
            expectBlocked(outcome, by: "schema")
            #expect(outcome.errors.contains("schema install"), "\(outcome)")
        }
        bare.expect(.place, of: orphan)

        let (world, other) = try await world()
        let empty = try await PrivatePostgres.shared().createDatabase()
        try await world.expectHeld(by: "schema", settings: ["CUSTODE_DATABASE_URL": empty.uri])
        try await world.close()
        #expect(try await world.service.run("schema", "uninstall").status == 0)
        expectBlocked(try await world.gc("--now", "+21h"), by: "schema")
        world.expect(.place, of: other)
    }

    @Test("a reference that is neither of our naming nor a known legacy form holds, whatever hash overrides")
    func reference() async throws {
        let (world, orphan) = try await world()
        let job = TestDatabase.quote(try await world.newJob().id)
        let hash = try #require(try await world.sweep("--dry-run", "--now", "+21h").planHash)
        for text in [
            "legacy/1.wav", "", " ", "/users/u/jobs/j/input/original.wav", "users/u/jobs/j/input/original.wav ",
            "Users/u/jobs/j/input/original.wav", "https://storage.example/users/u/jobs/j/input/original.wav",
            "users/u/jobs//input/original.wav", "users/u/jobs/../input/original.wav", "original.wav",
        ] {
            try await world.unseen("update jobs set input_ref = \(TestDatabase.quote(text)) where id = \(job)")
            let held = try await world.expectHeld(by: "reference", "--now", "+21h")
            #expect(held.json["detail"].string?.contains(": \(text);") == true, "\(held)")
        }
        try await world.expectHeld(by: "reference", "--now", "+21h", "--override", hash)
        try await world.expectHeld(
            by: "reference", "--now", "+21h",
            settings: ["CUSTODE_POLICY_COLLECTION_LEGACY_REFERENCES": "^quite/other/"])
        #expect(try await world.isTold("custode_gc_blocked{brake=\"reference\"}"))
        world.expect(.place, of: orphan)
        try await world.close()
    }

    @Test("a legacy form that the policy knows passes, its object is live, and another of that form nobody's")
    func legacy() async throws {
        let (world, orphan) = try await world()
        let job = try await world.newJob()
        for key in ["legacy/1.wav", "legacy/2.wav"] { try world.plant(key) }
        try await world.unseen(
            """
            insert into artifacts (job_id, kind, storage_ref)
            values (\(TestDatabase.quote(job.id)), 'transcript', 'legacy/1.wav')
            """)
        try await world.expectHeld(by: "reference", "--now", "+21h")
        let done = try await world.sweep(
            "--now", "+21h", settings: ["CUSTODE_POLICY_COLLECTION_LEGACY_REFERENCES": "^old/,^legacy/[0-9]+[.]wav$"])
        #expect(done["live"] == 3 && done["foreign"] == 1 && done["quarantined"] == 1, "\(done)")
        world.expect(.trash, of: orphan)
        for key in ["legacy/1.wav", "legacy/2.wav"] { world.expect(.place, of: key) }
        try await world.close()
    }
}
