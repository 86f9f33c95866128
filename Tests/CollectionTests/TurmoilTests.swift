import CustodeTesting
import Foundation
import Synchronization
import Testing

@Suite("I1, I2: a service in use, its worker and gc at once", .serialized, .timeLimit(.minutes(5)))
struct TurmoilTests {
    private static let duration: Duration = Checkout.isFastRun ? .seconds(4) : .seconds(10)
    private static let settings = World.collecting.merging([
        "CUSTODE_POLICY_COLLECTION_RUNS_APART": "0s", "CUSTODE_POLICY_COLLECTION_GRACE": "0s",
        "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms",
        "CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "2s", "CUSTODE_POLICY_COLLECTION_BRAKES_PERCENT": "100",
        "CUSTODE_POLICY_COLLECTION_BRAKES_USERS": "1000", "CUSTODE_LOG_LEVEL": "info",
    ]) { $1 }

    /// What one client wrote last under each object of its jobs, as far as it was told.
    private actor Ledger {
        var bodies: [String: (job: TestJob, object: String, body: [UInt8])] = [:]
        var counts: [String: Int] = [:]

        func note(_ job: TestJob, _ object: String, _ body: [UInt8]?) {
            bodies[job.id + "/" + object] = body.map { (job, object, $0) }
        }
        func forget(_ job: TestJob) { bodies = bodies.filter { $0.value.job.id != job.id } }
        func count(_ name: String) { counts[name, default: 0] += 1 }
    }

    /// A client that uploads, replaces, deletes, reads, and deletes jobs, unseen by triggers now and then.
    ///
    /// It is the only one at its jobs.
    private func client(_ number: Int, _ world: World, _ ledger: Ledger, until end: ContinuousClock.Instant)
        async throws
    {
        var random = SeededGenerator(seed: UInt64(number) &* 0x9E37_79B9)
        var jobs: [TestJob] = []
        let objects = ["input", "transcript", "json"]
        while ContinuousClock.now < end {
            if jobs.count < 3 { jobs.append(try await world.newJob(for: number % 2 == 0 ? world.alice : world.bob)) }
            let place = Int(random.next() % UInt64(jobs.count))
            let (job, object) = (jobs[place], objects[Int(random.next() % 3)])
            let seed = UInt32(truncatingIfNeeded: random.next())
            switch random.next() % 11 {
            case 0..<5:
                let body =
                    object == "input"
                    ? Sample.wav(samples: 200 + Int(seed % 20_000), seed: seed)
                    : object == "json" ? Array("{\"n\":\(seed)}".utf8) : Sample.text(Int(seed))
                let known = await ledger.bodies[job.id + "/" + object]
                let etag = try await world.get(object, of: job).header("ETag")
                let reply = try await world.put(
                    object, of: job, body, headers: known != nil ? ["If-Match": etag ?? ""] : [:])
                #expect([200, 201].contains(reply.status), "\(object): \(reply.summary)")
                if [200, 201].contains(reply.status) { await ledger.note(job, object, body) }
                await ledger.count("uploads")
            case 5, 6:
                guard await ledger.bodies[job.id + "/" + object] != nil else { continue }
                let reply = try await world.send("DELETE", job.path(object), as: .user(job.user))
                #expect(reply.status == 204, "\(reply.summary)")
                await ledger.note(job, object, nil)
                await ledger.count("deletions")
            case 7:
                try await world.deleteJob(job)
                await ledger.forget(job)
                jobs.remove(at: place)
                await ledger.count("jobs deleted")
            case 8:
                let id = TestDatabase.quote(job.id)
                try await world.unseen("delete from artifacts where job_id = \(id); delete from jobs where id = \(id)")
                await ledger.forget(job)
                jobs.remove(at: place)
                await ledger.count("jobs deleted unseen")
            case 9:
                // An event tells of what is referred to again before anybody else can see it.
                let id = TestDatabase.quote(job.id)
                guard let key = try await world.reference("input", of: job) else { continue }
                try await world.database.sql(
                    """
                    update jobs set input_ref = null where id = \(id);
                    update jobs set input_ref = \(TestDatabase.quote(key)) where id = \(id)
                    """)
                await ledger.count("flickers")
            default:
                guard let known = await ledger.bodies[job.id + "/" + object] else { continue }
                let reply = try await world.get(object, of: job)
                #expect(reply.status == 200 && reply.body == known.body, "\(object): \(reply.status)")
                await ledger.count("reads")
            }
        }
    }

    /// Expects that every reference has the bytes that were published under it.
    private func expectReferencesHold(_ world: World) async throws {
        for (key, sha256) in try await world.references() {
            guard let bytes = world.stored(key) else {
                Issue.record("I1: \(key) is referred to and absent")
                continue
            }
            #expect(SHA256.hex(bytes) == sha256, "\(key)")
        }
    }

    @Test(
        "every reference holds its bytes throughout and at the end; at rest nothing unreferenced is outside the trash",
        .tags(.slow))
    func turmoil() async throws {
        let world = try await World.start(settings: Self.settings)
        let (ledger, end) = (Ledger(), ContinuousClock.now + Self.duration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...4 { group.addTask { try await client(number, world, ledger, until: end) } }
            group.addTask {
                while ContinuousClock.now < end {
                    let outcome = try await world.gc()
                    // Of a bucket that is empty but for orphans the brake says so.
                    #expect(outcome.status == 0 || outcome.brake == "live", "\(outcome)")
                    await ledger.count("runs")
                }
            }
            try await group.waitForAll()
        }
        let counts = await ledger.counts
        for name in ["uploads", "deletions", "jobs deleted", "jobs deleted unseen", "flickers", "reads", "runs"] {
            #expect(counts[name, default: 0] > 2, "\(counts)")
        }
        for known in await ledger.bodies.values {
            let reply = try await world.get(known.object, of: known.job)
            #expect(
                reply.status == 200 && reply.body == known.body, "\(known.job.id) \(known.object): \(reply.summary)")
        }
        try await expectReferencesHold(world)

        let isAtRest = try await eventually(within: .seconds(30)) {
            let outcome = try await world.gc()
            #expect(outcome.status == 0, "\(outcome)")
            return outcome["listed"] == outcome["live"] && outcome["outbox_pending"] == 0
        }
        #expect(isAtRest)
        let references = Set(try await world.references().map(\.key))
        let files = Set(TestFolder.files(below: world.bucket).keys.filter { !$0.hasPrefix(".") })
        #expect(files == references, "I2: \(files.symmetricDifference(references))")
        #expect(!references.isEmpty)
        try await expectReferencesHold(world)
        let open = try await world.database.value(
            "select count(*) from custode.gc_items where state not in ('seen', 'quarantined')")
        #expect(open == "0")
        try await world.close()
    }
}
