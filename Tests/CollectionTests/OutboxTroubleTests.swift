import CustodeTesting
import Foundation
import Testing

@Suite("The outbox in trouble: refusals, rivals, failures, and no triggers at all", .serialized)
struct OutboxTroubleTests {
    private static let world = Once { try await World.start() }

    @Test(
        "TRUNCATE is refused with the reason and the way out, and nothing is lost",
        arguments: ["truncate artifacts", "truncate jobs cascade", "truncate users cascade"])
    func truncate(statement: String) async throws {
        let world = try await Self.world.value()
        let (job, _) = try await world.jobWith("transcript")
        let psql = try #require(Checkout.tool("psql"))
        let outcome = try await Command.run(psql, ["-X", "-q", "-c", statement, world.database.uri])
        #expect(outcome.status != 0)
        #expect(outcome.errors.firstMatch(of: /TRUNCATE of (jobs|artifacts) would/) != nil, "\(outcome.errors)")
        #expect(outcome.errors.contains("DELETE"), "\(outcome.errors)")
        #expect(try await world.get("transcript", of: job).status == 200)
    }

    @Test("the user's delete never fails: no rights on custode, odd references, an odd session")
    func neverFails() async throws {
        let world = try await Self.world.value()
        let role = "saas_\(UInt32.random(in: 0 ... .max))"
        try await world.database.sql(
            """
            create role \(role);
            grant select, insert, update, delete on users, jobs, artifacts to \(role);
            grant select, update on usage_logs to \(role);
            """)
        let references = ["null", "''", "repeat('x', 100000)", "E'\\x01\\n\"'", "'användare/€/🎙'"]
        for reference in references {
            let job = try await world.newJob()
            let id = TestDatabase.quote(job.id)
            try await world.database.sql(
                """
                insert into artifacts (id, job_id, kind, storage_ref)
                    values (gen_random_uuid(), \(id), 'srt', \(reference)), (gen_random_uuid(), \(id), 'json', \(reference));
                set role \(role);
                set search_path = '';
                create temp table outbox (key int);
                update public.jobs set input_ref = \(reference) where id = \(id);
                update public.jobs set input_ref = 'x' where id = \(id);
                delete from public.artifacts where job_id = \(id) and kind = 'srt';
                delete from public.jobs where id = \(id);
                """)
            #expect(try await world.database.value("select count(*) from jobs where id = \(id)") == "0")
            let count = "select count(*) from custode.outbox where job_id = \(id)"
            #expect(try await world.database.value(count) == (reference == "null" ? "1" : "4"), "\(reference)")
        }
        // None of them is a key, and none may stand in the way of the others.
        try await world.drain(after: "20m")
        #expect(try await world.database.value("select count(*) from custode.outbox") == "0")
    }

    @Test("a delete waits for no lock of collection")
    func unlocked() async throws {
        let world = try await Self.world.value()
        let (job, key) = try await world.jobWith("transcript")
        let id = TestDatabase.quote(job.id)
        let holder = try world.database.session()
        try await holder.run("begin")
        try await holder.run(
            """
            select pg_advisory_xact_lock(hashtextextended('custode:' || \(id), 0)),
                pg_advisory_xact_lock(hashtextextended('custode:' || \(id), 1))
            """)
        try await world.database.sql("set lock_timeout = '1s'; delete from jobs where id = \(id)")
        // The object of a job that somebody is at is passed over, and dealt with the next time.
        try await world.drain(after: "20m")
        #expect(world.whereabouts(key) == .place)
        try await holder.end()
        let isCollected = try await eventually {
            try await world.drain(after: "20m")
            return world.whereabouts(key) == .trash
        }
        #expect(isCollected)
    }

    @Test("two services and gc --outbox-only beside one another collect each object once", .tags(.slow))
    func rivals() async throws {
        let world = try await World.start(settings: [
            "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms",
        ])
        let second = try CustodeProcess(
            database: world.database.uri, bucket: "file://" + world.bucket, keys: [world.bothKey],
            settings: world.service.settings.filter { $0.key.hasPrefix("CUSTODE_POLICY") })
        try await second.start()
        let jobs = try await world.newJobs(600)
        let keys = jobs.map { World.key(user: $0.user, job: $0.id, "input/original.wav") }
        for key in keys { try world.plant(key) }
        try await world.database.sql(
            "update jobs set input_ref = 'users/' || user_id || '/jobs/' || id || '/input/original.wav'")
        // Many small deletions, so that all three find something.
        async let deletions: Void = {
            for start in stride(from: 0, to: jobs.count, by: 20) {
                let ids = jobs[start..<(start + 20)].map { TestDatabase.quote($0.id) }.joined(separator: ", ")
                try await world.database.sql("delete from jobs where id in (\(ids))")
            }
        }()
        let isDrained = "select not exists (select from custode.outbox) and not exists (select from jobs)"
        var outcomes: [CollectionOutcome] = []
        let end = ContinuousClock().now + .seconds(60)
        repeat {
            outcomes.append(try await world.gc("--outbox-only"))
        } while try await world.database.value(isDrained) != "t" && ContinuousClock().now < end
        try await deletions
        #expect(outcomes.allSatisfy { $0.status == 0 }, "\(outcomes)")
        let trash = world.trash()
        #expect(Set(trash.keys) == Set(keys) && trash.values.allSatisfy { $0.count == 1 })
        let audited = try await world.audit().map(\.key)
        #expect(audited.count == keys.count && Set(audited) == Set(keys), "\(audited.count) rows")
        let failures = try await world.database.value("select count(*) from custode.gc_runs where verdict <> 'done'")
        #expect(failures == "0")
        try await second.terminate()
        try await world.close()
    }
}
