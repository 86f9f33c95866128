import CustodeTesting
import Foundation
import Testing

@Suite("The sweep: two sightings, far enough apart, of the same object", .serialized)
struct SweepRuleTests {
    /// A world with something alive, and one orphan.
    private func world() async throws -> (world: World, orphan: String) {
        let world = try await World.start(settings: World.collecting)
        _ = try await world.jobWith("input")
        return (world, try await world.makeOrphan())
    }

    @Test("the first complete run on a bucket removes nothing, however old its orphans: dry, first_run, exit 0")
    func first() async throws {
        let (world, orphan) = try await world()
        try world.setAge(.days(1_000), of: orphan)
        let first = try await world.gc()
        #expect(first.status == 0 && first.verdict == "dry" && first.brake == "first_run", "\(first)")
        #expect(first["orphan"] == 1 && first["due"] == 0 && first["quarantined"] == 0, "\(first)")
        world.expect(.place, of: orphan)
        let second = try await world.gc("--now", "+20h")
        #expect(second.status == 0 && second.verdict == "done" && second.brake == nil, "\(second)")
        world.expect(.trash, of: orphan)
        try await world.close()
    }

    @Test("an orphan stays at 19 h 59 min 59 s after it was first seen, and goes at 20 h")
    func spacing() async throws {
        let (world, orphan) = try await world()
        let calendar = Calendar()
        try await world.sweep("--now", calendar.after(.zero))
        for time in [Duration.hours(1), .hours(12), .hours(20) - .seconds(1)] {
            let outcome = try await world.sweep("--now", calendar.after(time))
            #expect(outcome["orphan"] == 1 && outcome["due"] == 0 && outcome.verdict == "done", "\(outcome)")
            world.expect(.place, of: orphan)
        }
        let outcome = try await world.sweep("--now", calendar.after(.hours(20)))
        #expect(outcome["due"] == 1 && outcome["quarantined"] == 1, "\(outcome)")
        world.expect(.trash, of: orphan)
        let place = try #require(world.trash()[orphan]?.first)
        #expect(place == ".trash/\(calendar.day(after: .hours(20)))/\(outcome.runID)/\(orphan)")
        #expect(world.stored(place) == Sample.text())
        try await world.close()
    }

    @Test("collection.runs_apart is the policy's")
    func policy() async throws {
        let (world, orphan) = try await world()
        let hourly = ["CUSTODE_POLICY_COLLECTION_RUNS_APART": "1h"]
        let calendar = Calendar()
        for (time, isGone) in [(Duration.zero, false), (.hours(1) - .seconds(1), false), (.hours(1), true)] {
            let outcome = try await world.sweep("--now", calendar.after(time), settings: hourly)
            #expect(outcome["quarantined"] == (isGone ? 1 : 0), "\(outcome)")
        }
        world.expect(.trash, of: orphan)
        try await world.close()
    }

    @Test("an orphan that was alive in a run between begins anew")
    func alive() async throws {
        let (world, orphan) = try await world()
        let job = try await world.newJob()
        let id = TestDatabase.quote(job.id)
        let calendar = Calendar()
        try await world.sweep("--now", calendar.after(.zero))
        try await world.database.sql("update jobs set input_ref = \(TestDatabase.quote(orphan)) where id = \(id)")
        let alive = try await world.sweep("--now", calendar.after(.hours(20)))
        #expect(alive["live"] == 2 && alive["orphan"] == 0, "\(alive)")
        try await world.unseen("update jobs set input_ref = null where id = \(id)")
        let again = try await world.sweep("--now", calendar.after(.hours(40)))
        #expect(again["orphan"] == 1 && again["due"] == 0, "\(again)")
        world.expect(.place, of: orphan)
        let last = try await world.sweep("--now", calendar.after(.hours(60)))
        #expect(last["quarantined"] == 1, "\(last)")
        try await world.close()
    }

    @Test("an orphan that came to life after it was due is live, and stays")
    func revived() async throws {
        let (world, orphan) = try await world()
        try await world.sweep()
        try await world.database.sql(
            "update jobs set input_ref = \(TestDatabase.quote(orphan)) where id = \(TestDatabase.quote(try await world.newJob().id))"
        )
        let outcome = try await world.sweep("--now", "+21h")
        #expect(outcome["live"] == 2 && outcome["due"] == 0, "\(outcome)")
        world.expect(.place, of: orphan)
        try await world.close()
    }

    @Test("an orphan whose file was written again, or only touched, begins anew", arguments: [true, false])
    func changed(isRewritten: Bool) async throws {
        let (world, orphan) = try await world()
        let calendar = Calendar()
        try await world.sweep("--now", calendar.after(.zero))
        if isRewritten {
            try FileManager.default.removeItem(atPath: world.bucket + "/" + orphan)
            try world.plant(orphan, Sample.text(2))
        } else {
            try world.setAge(.days(5), of: orphan)
        }
        let changed = try await world.sweep("--now", calendar.after(.hours(20)))
        #expect(changed["orphan"] == 1 && changed["due"] == 0, "\(changed)")
        world.expect(.place, of: orphan)
        let last = try await world.sweep("--now", calendar.after(.hours(40)))
        #expect(last["quarantined"] == 1, "\(last)")
        try await world.close()
    }

    @Test("--dry-run is no sighting, changes neither bucket nor rows, tells what would go, and is recorded as a run")
    func dryRun() async throws {
        let (world, orphan) = try await world()
        let calendar = Calendar()
        try await world.sweep("--now", calendar.after(.zero))
        let later = try await world.makeOrphan()
        let (lost, event) = try await world.jobWith("transcript")
        // Its worker has work of its own, and would do it.
        try await world.service.terminate()
        try await world.deleteJob(lost)
        try await world.database.sql(
            """
            insert into custode.upload_intents (key, job_id, lease_until)
            values ('users/a/jobs/b/input/original.wav', 'b', now() - interval '1 day')
            """)
        // Purging is no part of it either.
        let old = ".trash/2020-01-01/20200101T000000Z-abcdef/" + World.key(user: "u", job: "j", "input/original.wav")
        try world.plant(old)
        let tables = [
            "jobs", "artifacts", "custode.objects", "custode.outbox", "custode.upload_intents", "custode.gc_items",
            "custode.gc_audit",
        ]
        let (rows, files) = (try await world.dump(tables), Inventory(world.bucket))
        for arguments in [["gc", "--dry-run"], ["gc", "--dry-run", "--outbox-only"]] {
            let outcome = try await world.collect(arguments + ["--now", calendar.after(.hours(20))])
            #expect(outcome.status == 0 && outcome.verdict == "dry" && outcome.brake == nil, "\(outcome)")
            #expect(outcome["quarantined"] == 0 && outcome["purged"] == 0, "\(outcome)")
            if arguments.count == 2 { #expect(outcome["orphan"] == 2 && outcome["due"] == 1, "\(outcome)") }
            let run = TestDatabase.quote(outcome.runID)
            let recorded = try await world.database.value(
                "select count(*) from custode.gc_runs where id = \(run) and dry_run and verdict = 'dry'")
            #expect(recorded == "1")
        }
        #expect(try await world.dump(tables) == rows)
        #expect(Inventory(world.bucket) == files)

        // The dry run saw the later orphan as well, and that did not count.
        let real = try await world.sweep("--now", calendar.after(.hours(40)))
        #expect(real["due"] == 1 && real["purged"] == 1, "\(real)")
        world.expect(.trash, of: orphan)
        world.expect(.trash, of: event)
        world.expect(.place, of: later)
        let last = try await world.sweep("--now", calendar.after(.hours(60)))
        #expect(last["quarantined"] == 1, "\(last)")
        world.expect(.trash, of: later)
    }

    @Test("a dry run before any other is no first run")
    func dryFirst() async throws {
        let (world, orphan) = try await world()
        let dry = try await world.sweep("--dry-run")
        #expect(dry.verdict == "dry", "\(dry)")
        let first = try await world.sweep("--now", "+20h")
        #expect(first.verdict == "dry" && first.brake == "first_run" && first["due"] == 0, "\(first)")
        world.expect(.place, of: orphan)
        try await world.close()
    }

    @Test("the plan's hash is the same for the same plan, and another when other things would go")
    func planHash() async throws {
        let (world, orphan) = try await world()
        let second = try await world.makeOrphan()
        let empty = try await world.sweep().planHash
        var hashes: [String?] = []
        for time in ["+20h", "+20h", "+30h"] {
            hashes.append(try await world.sweep("--dry-run", "--now", time).planHash)
        }
        #expect(Set(hashes).count == 1 && hashes[0] != nil && hashes[0] != empty, "\(hashes)")
        try await world.unseen(
            "update jobs set input_ref = \(TestDatabase.quote(second)) where id = "
                + TestDatabase.quote(try await world.newJob().id))
        let fewer = try await world.sweep("--dry-run", "--now", "+20h")
        #expect(fewer["due"] == 1 && fewer.planHash != hashes[0], "\(fewer)")
        let done = try await world.sweep("--now", "+20h")
        #expect(done.planHash == fewer.planHash && done["quarantined"] == 1, "\(done)")
        world.expect(.trash, of: orphan)
        #expect(try await world.sweep("--now", "+20h").planHash == empty)
        try await world.close()
    }

    @Test("a name that collection freed can be written again, and nothing that is left of the old one harms the new")
    func freedName() async throws {
        let world = try await World.start(settings: World.collecting)
        _ = try await world.jobWith("input")
        let (job, key) = try await world.jobWith("transcript", Sample.text(1))
        #expect(try await world.send("DELETE", job.path("transcript")).status == 204)
        try await world.drain(after: "15m")
        world.expect(.trash, of: key)
        let second = try await world.store("transcript", of: job, Sample.text(2))
        let secondKey = try #require(second["key"].string)
        #expect(try await world.get("transcript", of: job).body == Sample.text(2))
        try await world.database.sql(
            "insert into custode.outbox (key, job_id, reason) values (\(TestDatabase.quote(key)), '', 'again')")
        try await world.sweep()
        try await world.sweep("--now", "+21h")
        #expect(try await world.get("transcript", of: job).body == Sample.text(2))

        // Once the old bytes are purged, the plain name is free in every sense.
        #expect(try await world.sweep("--now", "+15d")["purged"] == 1)
        world.expect(secondKey == key ? .place : .nowhere, of: key)
        #expect(try await world.send("DELETE", job.path("transcript")).status == 204)
        try await world.drain(after: "15m")
        try await world.sweep("--now", "+30d")
        let third = try await world.store("transcript", of: job, Sample.text(3))
        #expect(third["key"].string == key)
        for time in ["+31d", "+32d", "+50d"] { try await world.sweep("--now", time) }
        #expect(try await world.get("transcript", of: job).body == Sample.text(3))
        try await world.close()
    }
}
