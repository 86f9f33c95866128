import CustodeTesting
import Foundation
import Testing

@Suite("Three services before one bucket and one database, killed at random", .timeLimit(.minutes(5)))
struct S3ReplicaTests {
    private static let duration: Duration = Checkout.isFastRun ? .seconds(4) : .seconds(14)
    private static let seed: UInt64 = 0x5EED_0001
    private static let settings = World.swift.merging([
        "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms", "CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "5s",
        "CUSTODE_LOG_LEVEL": "info",
    ]) { $1 }

    /// What may be under each object, by what its only writer was told: one thing, or two after an answer that was lost.
    private actor Ledger {
        struct Entry {
            let job: TestJob
            let object: String
            var bodies: [[UInt8]?]
        }
        var entries: [String: Entry] = [:]
        var counts: [String: Int] = [:]

        func bodies(_ job: TestJob, _ object: String) -> [[UInt8]?] {
            entries[job.id + "/" + object]?.bodies ?? [nil]
        }
        /// What is certainly there now, or nothing.
        func know(_ job: TestJob, _ object: String, _ body: [UInt8]?) {
            entries[job.id + "/" + object] = Entry(job: job, object: object, bodies: [body])
        }
        /// What may have come to be there.
        func suspect(_ job: TestJob, _ object: String, _ body: [UInt8]?) {
            let known = bodies(job, object)
            entries[job.id + "/" + object] = Entry(job: job, object: object, bodies: known + [body])
        }
        func forget(_ job: TestJob) { entries = entries.filter { $0.value.job.id != job.id } }
        func count(_ name: String) { counts[name, default: 0] += 1 }
    }

    /// The services, any of which may be down.
    private struct Fleet: Sendable {
        let world: World
        let services: [CustodeProcess]

        /// Asks the service of this number; nil if nobody can know what came of it.
        func send(
            _ number: UInt64, _ method: String, _ target: String, _ job: TestJob, _ headers: HeaderList = [:],
            _ body: RequestBody = .none
        ) async -> RawResponse? {
            let service = services[Int(number % UInt64(services.count))]
            let reply = try? await service.client.request(
                method, target, headers: world.credentials(of: .user(job.user)) + headers, body: body)
            return reply.flatMap { $0.status >= 500 ? nil : $0 }
        }
    }

    private func upload(
        _ fleet: Fleet, _ ledger: Ledger, _ job: TestJob, _ object: String, _ random: inout SeededGenerator
    ) async throws {
        let seed = UInt32(truncatingIfNeeded: random.next())
        let body =
            switch object {
            // Now and then one that goes in parts.
            case "input": seed % 6 == 0 ? Sound.wav(bytes: 9 << 20, seed: seed) : Sample.wav(samples: 2_000, seed: seed)
            case "json": Array("{\"n\":\(seed)}".utf8)
            default: Sample.text(Int(seed))
            }
        guard let now = await fleet.send(random.next(), "HEAD", job.path(object), job) else { return }
        let condition: HeaderList = now.header("ETag").map { ["If-Match": $0] } ?? [:]
        let isCertain = await ledger.bodies(job, object).count == 1
        // Before it is sent: a reader may see it before its writer is told.
        let reply = await fleet.send(random.next(), "PUT", job.path(object), job, condition, .bytes(body))
        switch reply?.status {
        case nil:
            await ledger.suspect(job, object, body)
            await ledger.count("uploads without an answer")
        case 200, 201:
            await ledger.know(job, object, body)
            await ledger.count(condition["If-Match"] == nil ? "uploads" : "replacements")
        default:
            // What an answer that was lost told of may have come true meanwhile.
            #expect(!isCertain && [409, 412].contains(reply?.status), "\(object): \(reply?.summary ?? "")")
        }
    }

    private func delete(
        _ fleet: Fleet, _ ledger: Ledger, _ job: TestJob, _ object: String, _ random: inout SeededGenerator
    ) async throws {
        let known = await ledger.bodies(job, object)
        let reply = await fleet.send(random.next(), "DELETE", job.path(object), job)
        switch reply?.status {
        case nil: await ledger.suspect(job, object, nil)
        case 204:
            await ledger.know(job, object, nil)
            await ledger.count("deletions")
        default: #expect(reply?.status == 404 && known.contains(nil), "\(object): \(reply?.summary ?? "")")
        }
    }

    /// One client, the only one at its jobs.
    private func client(_ number: Int, _ fleet: Fleet, _ ledger: Ledger, until end: ContinuousClock.Instant)
        async throws
    {
        var random = SeededGenerator(seed: Self.seed &+ UInt64(number) &* 0x9E37_79B9)
        let world = fleet.world
        var jobs: [TestJob] = []
        while ContinuousClock.now < end {
            if jobs.count < 3 { jobs.append(try await world.newJob(for: number % 2 == 0 ? world.alice : world.bob)) }
            let place = Int(random.next() % UInt64(jobs.count))
            let (job, object) = (jobs[place], ["input", "transcript", "json"][Int(random.next() % 3)])
            switch random.next() % 10 {
            case 0..<5: try await upload(fleet, ledger, job, object, &random)
            case 5: try await delete(fleet, ledger, job, object, &random)
            case 6:
                try await world.deleteJob(job)
                await ledger.forget(job)
                jobs.remove(at: place)
                await ledger.count("jobs deleted")
            default:
                let known = await ledger.bodies(job, object)
                guard let reply = await fleet.send(random.next(), "GET", job.path(object), job) else { continue }
                let body = reply.status == 404 ? nil : reply.body
                #expect(known.contains(body), "\(object) of \(job.id): \(reply.status), seed \(Self.seed)")
                await ledger.count("reads")
            }
        }
    }

    /// Ends one service after the other as a power cut would, and starts it again.
    private func kill(_ fleet: Fleet, _ ledger: Ledger, until end: ContinuousClock.Instant) async throws {
        var random = SeededGenerator(seed: Self.seed)
        while ContinuousClock.now < end {
            let service = fleet.services[Int(random.next() % 3)]
            let moment = ContinuousClock.now + .milliseconds(Int(random.next() % 700))
            _ = try await eventually { ContinuousClock.now >= moment }
            try await service.kill9()
            try await service.start()
            await ledger.count("kills")
        }
    }

    @Test(
        "nothing acknowledged is lost, no reference dangles, and at rest nothing unreferenced is left, in whole or parts",
        .tags(.slow))
    func replicas() async throws {
        let (world, proxy) = try await World.behindProxy(Self.settings)
        let others = [try world.replica(), try world.replica()]
        for other in others { try await other.start() }
        let fleet = Fleet(world: world, services: [world.service] + others)
        let (ledger, end) = (Ledger(), ContinuousClock.now + Self.duration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...4 { group.addTask { try await client(number, fleet, ledger, until: end) } }
            group.addTask { try await kill(fleet, ledger, until: end) }
            group.addTask {
                while ContinuousClock.now < end {
                    let outcome = try await world.gc()
                    #expect(outcome.status == 0 || outcome.brake == "live", "\(outcome)")
                    await ledger.count("runs")
                }
            }
            try await group.waitForAll()
        }
        let counts = await ledger.counts
        let rare = Checkout.isFastRun ? [] : ["replacements", "deletions", "jobs deleted"]
        for name in ["uploads", "reads", "runs", "kills"] + rare {
            #expect(counts[name, default: 0] > 0, "\(counts), seed \(Self.seed)")
        }
        try await expectKept(ledger, fleet)
        for service in fleet.services { try await service.terminate() }
        try await comeToRest(world, proxy)
        for service in fleet.services { try await service.start() }
        try await expectKept(ledger, fleet)
        for service in fleet.services { try await service.terminate() }
    }

    /// Expects that every service serves what was acknowledged last.
    private func expectKept(_ ledger: Ledger, _ fleet: Fleet) async throws {
        for (number, entry) in await ledger.entries.values.enumerated() {
            let reply = await fleet.send(UInt64(number), "GET", entry.job.path(entry.object), entry.job)
            let body = reply?.status == 404 ? nil : reply?.body
            #expect(
                reply != nil && entry.bodies.contains(body),
                "\(entry.object) of \(entry.job.id): \(reply?.status ?? 0), seed \(Self.seed)")
        }
    }

    /// Runs collection until there is nothing to do, and expects that bucket and database then hold the same.
    private func comeToRest(_ world: World, _ proxy: FaultProxy) async throws {
        // Nobody uploads now: what is open in parts is dead, however young.
        proxy.ageUploads()
        // What the killed had claimed is theirs for a minute; nobody lives who could come back to it.
        try await world.database.sql(
            """
            update custode.gc_items set claimed_until = clock_timestamp() where claimed_until > clock_timestamp();
            update custode.outbox set claimed_until = null where parked_at is null
            """)
        let isAtRest = try await eventually(within: .seconds(60)) {
            let outcome = try await world.gc("--now", "+1m")
            #expect(outcome.status == 0, "\(outcome)")
            let uploads = try await world.objects.uploads()
            return outcome["listed"] == outcome["live"] && outcome["outbox_pending"] == 0 && uploads.isEmpty
        }
        let uploads = try await world.objects.uploads()
        #expect(isAtRest && uploads.isEmpty, "\(uploads)")
        let references = try await world.references()
        let placed = Set(try await world.placed())
        let keys = Set(references.map(\.key))
        #expect(placed == keys, "seed \(Self.seed): \(placed.symmetricDifference(keys))")
        #expect(!keys.isEmpty)
        for (key, sha256) in references {
            guard let bytes = try await world.objects.get(key) else {
                Issue.record("I1: \(key) is referred to and absent, seed \(Self.seed)")
                continue
            }
            #expect(SHA256.hex(bytes) == sha256, "\(key)")
        }
        let open = try await world.database.value(
            "select count(*) from custode.gc_items where state not in ('seen', 'quarantined')")
        #expect(open == "0")
    }
}
