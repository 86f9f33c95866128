import CustodeTesting
import Foundation
import Testing

@Suite("The sweep: what each object is taken for, and what becomes of it", .serialized)
struct SweepClassTests {
    /// One object of each class.
    private struct Zoo {
        let live: [String]
        let intent: String
        let young: String
        let foreign = "somebody/else's file.txt"
        let unknownStray: String
        let rememberedStray: String
        let orphans: [String]
        let missing: TestJob
        let missingKey: String
    }

    private func zoo(_ world: World) async throws -> Zoo {
        let (living, input) = try await world.jobWith("input")
        guard let transcript = try await world.store("transcript", of: living, Sample.text())["key"].string else {
            throw HarnessError("no key")
        }
        let intended = try await world.newJob()
        let intent = World.key(user: intended.user, job: intended.id, "input/original.wav")
        try world.plant(intent)
        try await world.database.sql(
            """
            insert into custode.upload_intents (key, job_id, lease_until)
            values (\(TestDatabase.quote(intent)), \(TestDatabase.quote(intended.id)), now() + interval '1 hour')
            """)
        let strayed = try await world.newJob()
        let unknown = World.key(user: strayed.user, job: strayed.id, "output/srt.srt")
        try world.plant(unknown)
        let remembered = try await world.jobWith("transcript")
        try await world.unseen("delete from artifacts where job_id = \(TestDatabase.quote(remembered.job.id))")
        let never = World.key(user: world.alice, job: UUID().uuidString.lowercased(), "output/json.abc234.json")
        try world.plant(never)
        let missing = try await world.jobWith("input")
        try FileManager.default.removeItem(atPath: world.bucket + "/" + missing.key)
        let zoo = Zoo(
            live: [input, transcript], intent: intent, young: try await world.makeOrphan(age: .hours(47)),
            unknownStray: unknown, rememberedStray: remembered.key,
            orphans: [try await world.makeOrphan(), never], missing: missing.job, missingKey: missing.key)
        try world.plant(zoo.foreign)
        for key in zoo.live + [zoo.rememberedStray] { try world.setAge(.days(400), of: key) }
        return zoo
    }

    @Test("each class is counted, and of all of them only orphans and remembered strays go")
    func classes() async throws {
        let world = try await World.start(settings: World.collecting)
        let zoo = try await zoo(world)
        let calendar = Calendar()
        let first = try await world.sweep("--now", calendar.after(.zero))
        let counts = ["listed", "live", "intent", "young", "foreign", "stray", "orphan", "missing"]
        #expect(counts.map { first[$0] } == [9, 2, 1, 1, 1, 2, 2, 1], "\(first)")
        #expect(first.verdict == "dry" && first["quarantined"] == 0, "\(first)")

        let second = try await world.sweep("--now", calendar.after(.hours(20)))
        #expect(counts.map { second[$0] } == [9, 2, 1, 0, 1, 2, 3, 1], "\(second)")
        #expect(second["due"] == 3 && second["quarantined"] == 3 && second.verdict == "done", "\(second)")
        #expect(second["bytes_quarantined"] == 3 * Sample.text().count)
        for key in zoo.orphans + [zoo.rememberedStray] { world.expect(.trash, of: key) }
        for key in zoo.live + [zoo.intent, zoo.young, zoo.foreign, zoo.unknownStray] {
            world.expect(.place, of: key)
        }

        // The young one was no sighting while it was young.
        let third = try await world.sweep("--now", calendar.after(.hours(40)))
        #expect(counts.map { third[$0] } == [6, 2, 1, 0, 1, 1, 1, 1], "\(third)")
        #expect(third["quarantined"] == 1)
        world.expect(.trash, of: zoo.young)
        let audited = try await world.audit()
        #expect(Set(audited.map(\.key)) == Set(zoo.orphans + [zoo.rememberedStray, zoo.young]))
        #expect(audited.count == 4 && audited.allSatisfy { $0.action == "quarantine" && $0.reason == "sweep" })
        try await world.close()
    }

    @Test("a reference without bytes is reported, exit 0, and neither row nor record is repaired away")
    func missing() async throws {
        let world = try await World.start()
        let (job, key) = try await world.jobWith("input")
        try FileManager.default.removeItem(atPath: world.bucket + "/" + key)
        _ = try await world.jobWith("input")
        let rows = try await world.dump(["jobs", "artifacts", "custode.objects"])
        for hour in [0.0, 20, 40] {
            let outcome = try await world.gc("--now", Calendar().after(.hours(hour)))
            #expect(outcome.status == 0 && outcome["missing"] == 1 && outcome["live"] == 1, "\(outcome)")
        }
        #expect(try await world.dump(["jobs", "artifacts", "custode.objects"]) == rows)
        #expect(try await world.reference("input", of: job) == key)
        try await world.close()
    }

    @Test("an intent keeps its object until the lease is over, by the real clock and not by --now")
    func intents() async throws {
        let world = try await World.start(settings: World.collecting)
        _ = try await world.jobWith("input")
        let key = World.key(user: world.alice, job: UUID().uuidString.lowercased(), "input/original.wav")
        try world.plant(key)
        try await world.database.sql(
            """
            insert into custode.upload_intents (key, job_id, lease_until)
            values (\(TestDatabase.quote(key)), 'x', now() + interval '1 hour')
            """)
        for time in ["+0s", "+3d", "+6d"] {
            let outcome = try await world.sweep("--now", time)
            #expect(outcome["intent"] == 1 && outcome["orphan"] == 0, "\(time): \(outcome)")
        }
        world.expect(.place, of: key)
        try await world.database.sql("update custode.upload_intents set lease_until = now() - interval '1 second'")
        // What lapsed is the outbox's from then on, with its delay.
        try await world.drain(after: "0s")
        world.expect(.place, of: key)
        try await world.drain(after: "15m")
        world.expect(.trash, of: key)
        try await world.close()
    }

    @Test("the grace is the policy's or --grace's, and counts by the second")
    func grace() async throws {
        let world = try await World.start(settings: World.collecting)
        _ = try await world.jobWith("input")
        _ = try await world.makeOrphan(age: .hours(48))
        let calendar = Calendar()
        // The file is a moment older than the calendar.
        for (arguments, isYoung) in [
            (["--now", calendar.after(.seconds(-30))], true), (["--now", calendar.after(.seconds(1))], false),
            (["--now", calendar.after(.seconds(-30)), "--grace", "47h"], false),
            (["--now", calendar.after(.seconds(1)), "--grace", "49h"], true),
        ] {
            let outcome = try await world.collect(["gc", "--dry-run"] + arguments)
            #expect(outcome["young"] == (isYoung ? 1 : 0), "\(arguments): \(outcome)")
            #expect(outcome["orphan"] == (isYoung ? 0 : 1), "\(arguments): \(outcome)")
        }
        try await world.close()
    }

    @Test("what waits in the outbox is the outbox's: the sweep leaves it, and a full run drains what is due there")
    func outboxFirst() async throws {
        let world = try await World.start(settings: World.collecting)
        _ = try await world.jobWith("input")
        let (job, key) = try await world.jobWith("transcript")
        try world.setAge(.days(3), of: key)
        try await world.deleteJob(job)
        let patient = ["CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "30d"]
        for time in ["+0s", "+21h", "+42h"] {
            let outcome = try await world.gc("--now", time, settings: patient)
            #expect(outcome["orphan"] == 1 && outcome["due"] == 0 && outcome["outbox_pending"] == 1, "\(outcome)")
        }
        world.expect(.place, of: key)
        let outcome = try await world.sweep("--now", "+63h")
        #expect(outcome["due"] == 0 && outcome["quarantined"] == 1 && outcome["outbox_pending"] == 0, "\(outcome)")
        #expect(try await world.audit().map(\.reason) == ["artifact deleted"])
        try await world.close()
    }
}
