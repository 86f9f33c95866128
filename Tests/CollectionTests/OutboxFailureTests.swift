import CustodeTesting
import Foundation
import Testing

@Suite("The outbox: what cannot be moved is tried again, then parked; and what goes without triggers", .serialized)
struct OutboxFailureTests {
    /// The folder of a day in quarantine, as far as it exists already, where a file makes every move fail.
    private func obstacle(_ world: World, _ day: String) -> String {
        world.bucket + "/.trash/" + day
    }

    /// The days of quarantine by UTC on which the runs of these tests may begin.
    private func days() -> [String] {
        [0, 86_400, 2 * 86_400, 3 * 86_400].map {
            Date(timeIntervalSinceNow: $0).formatted(.iso8601.year().month().day())
        }
    }

    private func block(_ world: World) throws {
        for day in days() { try world.plant(".trash/" + day, []) }
    }

    private func unblock(_ world: World) throws {
        for day in days() { try FileManager.default.removeItem(atPath: obstacle(world, day)) }
    }

    @Test("a move that fails is told, tried again after 5 minutes, then after 10, and succeeds once it can")
    func backoff() async throws {
        let world = try await World.start()
        let (job, key) = try await world.jobWith("transcript")
        try block(world)
        try await world.deleteJob(job)
        for (early, late) in [(nil, "15m"), ("260s", "340s"), ("530s", "670s")] as [(String?, String)] {
            if let early {
                let outcome = try await world.gc("--outbox-only", "--now", "+" + early)
                #expect(outcome["failed"] == 0 && outcome.status == 0, "\(early): \(outcome)")
            }
            let outcome = try await world.gc("--outbox-only", "--now", "+" + late)
            #expect(outcome["failed"] == 1 && outcome.status == 1, "\(late): \(outcome)")
            #expect(outcome["outbox_pending"] == 1 && outcome["parked"] == 0, "\(late): \(outcome)")
            #expect(world.whereabouts(key) == .place)
        }
        let reason = try await world.database.value("select last_error from custode.outbox")
        #expect(reason?.isEmpty == false)
        try unblock(world)
        try await world.drain(after: "2h")
        #expect(world.whereabouts(key) == .trash)
        try await world.close()
    }

    @Test("what fails ten times is parked, in gc's JSON and in the metrics, and the sweep takes it over")
    func parked() async throws {
        let world = try await World.start(
            settings: World.collecting.merging(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms"]) { $1 })
        _ = try await world.jobWith("input")
        let (job, key) = try await world.jobWith("transcript")
        try world.setAge(.seconds(3 * 86_400), of: key)
        try block(world)
        try await world.deleteJob(job)
        try await world.database.sql("update custode.outbox set attempts = 8, review_after = clock_timestamp()")
        #expect(try await world.gc("--outbox-only", "--now", "+2s")["parked"] == 0)
        let outcome = try await world.gc("--outbox-only", "--now", "+2d")
        #expect(outcome["parked"] == 1 && outcome["outbox_pending"] == 0 && outcome["failed"] == 1, "\(outcome)")
        let isTold = try await eventually {
            let text = try await world.service.admin.request("GET", "/metrics").text
            return text.contains("custode_outbox_parked 1\n") && text.contains("custode_outbox_pending 0\n")
        }
        #expect(isTold)
        try unblock(world)
        #expect(try await world.drain(after: "30d")["quarantined"] == 0)
        #expect(world.whereabouts(key) == .place)
        try await world.sweep()
        let last = try await world.sweep("--now", "+20h")
        #expect(last["quarantined"] == 1 && last["parked"] == 0, "\(last)")
        #expect(world.whereabouts(key) == .trash)
        try await world.close()
    }

    @Test("without the right to make triggers the schema installs and says so, and the sweep alone collects")
    func withoutTriggers() async throws {
        let owner = try await World.prepare(settings: World.collecting)
        let role = "narrow_\(UInt32.random(in: 0 ... .max))"
        try await owner.database.sql(
            """
            create role \(role) login password 'secret';
            do $$ begin execute format('grant create on database %I to \(role)', current_database()); end $$;
            grant select on jobs, artifacts to \(role);
            grant update (input_ref) on jobs to \(role);
            grant insert, delete on artifacts to \(role);
            grant update (storage_ref) on artifacts to \(role);
            """)
        var uri = try #require(URLComponents(string: owner.database.uri))
        (uri.user, uri.password) = (role, "secret")
        let narrow = ["CUSTODE_DATABASE_URL": try #require(uri.string)]

        let installed = try await owner.service.run(["schema", "install"], settings: narrow)
        #expect(installed.status == 0, "\(installed.errors)")
        #expect(installed.output.contains("triggers: not granted"), "\(installed.output)")
        let status = try await owner.service.run(["schema", "status", "--json"], settings: narrow)
        #expect(status.status == 0)
        #expect(try JSON(Array(status.output.utf8))["triggers"] == false, "\(status.output)")

        let service = try CustodeProcess(
            database: try #require(uri.string), bucket: "file://" + owner.bucket, keys: [owner.bothKey],
            settings: World.collecting)
        try await service.start()
        var keys: [String] = []
        let jobs = try await owner.newJobs(2)
        for job in jobs {
            let reply = try await service.client.request(
                "PUT", job.path("transcript"), headers: owner.credentials(of: .alice), body: .bytes(Sample.text()))
            #expect(reply.status == 201, "\(reply.summary)")
            keys.append(try #require(reply.json["key"].string))
        }
        for key in keys { try owner.setAge(.seconds(3 * 86_400), of: key) }
        try await owner.deleteJob(jobs[0])
        #expect(try await owner.events(of: keys[0]) == 0)
        for time in ["+0s", "+20h"] {
            let outcome = try await owner.gc("--now", time, settings: narrow)
            #expect(outcome.status == 0, "\(outcome)")
        }
        #expect(owner.whereabouts(keys[0]) == .trash)
        #expect(owner.whereabouts(keys[1]) == .place)
        try await service.terminate()

        // Granted later, a second installation makes them.
        try await owner.database.sql("grant trigger on jobs, artifacts to \(role)")
        let again = try await owner.service.run(["schema", "install"], settings: narrow)
        #expect(again.status == 0 && !again.output.contains("triggers"), "\(again.output)\(again.errors)")
        let now = try await owner.service.run(["schema", "status", "--json"], settings: narrow)
        #expect(try JSON(Array(now.output.utf8))["triggers"] == true, "\(now.output)")
        try await owner.deleteJob(jobs[1])
        #expect(try await owner.events(of: keys[1]) == 1)
    }
}
