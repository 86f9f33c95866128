import CustodeTesting
import Foundation
import Testing

@Suite("Collection beside uploads and downloads", .serialized, .timeLimit(.minutes(5)))
struct LiveUploadTests {
    private static let swift = World.collecting.merging([
        "CUSTODE_POLICY_COLLECTION_RUNS_APART": "0s", "CUSTODE_POLICY_COLLECTION_GRACE": "0s",
        "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms",
        "CUSTODE_POLICY_COLLECTION_BRAKES_PERCENT": "100",
    ]) { $1 }

    /// An upload of an input that has begun and is not at its end.
    private struct HalfUpload {
        let connection: RawConnection
        let key: String
        let rest: [UInt8]

        static func begin(_ job: TestJob, _ sound: [UInt8], _ world: World) async throws -> HalfUpload {
            let connection = try await RawConnection.open(port: world.service.port)
            let head = world.service.client.head(
                "PUT", job.path("input"),
                headers: world.credentials(of: .user(job.user)) + ["Content-Type": "audio/wav"],
                body: .bytes(sound))
            try await connection.send(head + sound.prefix(sound.count / 2))
            let key = World.key(user: job.user, job: job.id, "input/original.wav")
            let count = "select count(*) from custode.upload_intents where key = \(TestDatabase.quote(key))"
            guard try await eventually({ try await world.database.value(count) == "1" }) else {
                throw HarnessError("the upload did not begin")
            }
            return HalfUpload(connection: connection, key: key, rest: Array(sound.dropFirst(sound.count / 2)))
        }
    }

    private func intents(_ key: String, _ world: World) async throws -> String? {
        try await world.database.value(
            "select count(*) from custode.upload_intents where key = \(TestDatabase.quote(key))")
    }

    @Test("I11: an upload held open through whole runs, beyond its first lease, is answered 201 and served")
    func heldOpen() async throws {
        let world = try await World.start(
            settings: Self.swift.merging(["CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "8s"]) { $1 })
        try await world.furnish(2)
        let job = try await world.newJob()
        let sound = Sample.wav(samples: 400_000)
        let upload = try await HalfUpload.begin(job, sound, world)
        let begun = ContinuousClock.now
        var rest = upload.rest
        var runs = 0
        // Longer than its lease: it is kept by what still comes in.
        while ContinuousClock.now < begun + .seconds(12) {
            try await upload.connection.send(Array(rest.prefix(20_000)))
            rest = Array(rest.dropFirst(20_000))
            let outcome = try await world.gc("--now", "+\(runs)h")
            #expect(outcome.status == 0 && outcome["quarantined"] == 0, "\(outcome)")
            runs += 1
        }
        #expect(runs > 1)
        try await upload.connection.send(rest)
        let reply = try await upload.connection.read(to: "PUT")
        #expect(reply.status == 201, "\(reply.summary)")
        for hours in [100, 200] {
            let outcome = try await world.gc("--now", "+\(hours)h")
            #expect(outcome["live"] == 3 && outcome["quarantined"] == 0, "\(outcome)")
        }
        #expect(try await world.get("input", of: job).body == sound)
        try await world.close()
    }

    @Test(
        "I11: of an upload that died with its service nothing is left after its lease, in the bucket or in the tables")
    func killedHalfway() async throws {
        let world = try await World.start(
            settings: Self.swift.merging(["CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "1s"]) { $1 })
        try await world.furnish(2)
        let job = try await world.newJob()
        let upload = try await HalfUpload.begin(job, Sample.wav(samples: 400_000), world)
        try await world.service.kill9()
        upload.connection.close()
        #expect(try await intents(upload.key, world) == "1")
        // The row may stay, closed, so that its key is not written again.
        let isOver = try await eventually {
            let outcome = try await world.gc()
            #expect(outcome.status == 0, "\(outcome)")
            let open = try await world.database.value(
                "select count(*) from custode.upload_intents where state <> 'queued'")
            return open == "0" && outcome["outbox_pending"] == 0 && outcome["intent"] == 0
        }
        #expect(isOver)
        #expect(TestFolder.files(below: world.bucket).keys.filter { $0.contains(job.id) } == [])
        #expect(try await world.reference("input", of: job) == nil)
        try await world.service.start()
        _ = try await world.store("input", of: job, Sample.wav(), type: "audio/wav")
        #expect(try await world.get("input", of: job).body == Sample.wav())
        try await world.close()
    }

    @Test(
        "I11: a service killed between the link of the bytes and their row leaves bytes that go after the lease, not before",
        arguments: [true, false])
    func killedBeforeRow(jobStays: Bool) async throws {
        let world = try await World.start(
            settings: Self.swift.merging(["CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "3s"]) { $1 })
        try await world.furnish(2)
        let job = try await world.newJob()
        let key = World.key(user: job.user, job: job.id, "input/original.wav")
        let blocker = try world.database.session()
        try await blocker.run("begin; lock table custode.objects in exclusive mode")
        async let reply = world.put("input", of: job, Sample.wav(), type: "audio/wav")
        // The bytes are in their place, and the row waits.
        let isLinked = try await eventually {
            guard world.whereabouts(key) == .place else { return false }
            return try await world.database.waiters() > 0
        }
        #expect(isLinked)
        try await world.service.kill9()
        // What it had sent already the server would do without it.
        try await world.database.sql(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and wait_event_type = 'Lock'
            """)
        try await blocker.end()
        _ = try? await reply
        #expect(try await world.reference("input", of: job) == nil)
        #expect(try await intents(key, world) == "1")
        let early = try await world.gc()
        let isOpen =
            "select lease_until > clock_timestamp() from custode.upload_intents where key = \(TestDatabase.quote(key))"
        if try await world.database.value(isOpen) == "t" {
            #expect(early["intent"] == 1, "\(early)")
            world.expect(.place, of: key)
        }
        if !jobStays { try await world.deleteJob(job) }
        let isCollected = try await eventually {
            let outcome = try await world.gc()
            #expect(outcome.status == 0, "\(outcome)")
            return world.whereabouts(key) == .trash
        }
        #expect(isCollected)
        #expect(try await intents(key, world) == "0")
        #expect(world.stored(world.trash()[key]?.first ?? "") == Sample.wav())
        try await world.close()
    }

    @Test("I12: of jobs deleted at any moment of their uploads no row dangles, and no bytes stay outside the trash")
    func jobsDeleted() async throws {
        let world = try await World.start(
            settings: Self.swift.merging(["CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "1s"]) { $1 })
        let kept = try await world.furnish(2)
        let jobs = try await world.newJobs(60)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, job) in jobs.enumerated() {
                group.addTask {
                    let reply = try await world.put("input", of: job, Sample.wav(samples: 20_000), type: "audio/wav")
                    #expect([201, 404].contains(reply.status), "\(reply.summary)")
                }
                group.addTask {
                    // Each at another moment: while it waits its turn, while it runs, after it.
                    for _ in 0..<(index % 4) { _ = try await world.get("input", of: job) }
                    try await world.deleteJob(job)
                }
            }
            try await group.waitForAll()
        }
        #expect(try await world.database.value("select count(*) from artifacts") == "0")
        let isClean = try await eventually(within: .seconds(30)) {
            let outcome = try await world.gc()
            #expect(outcome.status == 0, "\(outcome)")
            return TestFolder.files(below: world.bucket + "/users").count == kept.count
                && outcome["outbox_pending"] == 0
        }
        #expect(isClean, "\(TestFolder.files(below: world.bucket + "/users").keys)")
        #expect(try await world.database.value("select count(*) from custode.upload_intents") == "0")
        #expect(try await world.database.value("select count(*) from custode.objects") == "0")
        try await world.close()
    }

    @Test("a download under way while its object goes into quarantine, and while it is purged, ends whole")
    func download() async throws {
        let world = try await World.start(settings: Self.swift)
        try await world.furnish(2)
        let sound = Sample.wav(samples: 8_000_000)
        let job = try await world.newJob()
        let key = try #require(try await world.store("input", of: job, sound, type: "audio/wav")["key"].string)
        let readers = try await (0..<2).asyncMap { _ in
            let connection = try await RawConnection.open(port: world.service.port, receiveBuffer: 65_536)
            try await connection.send(
                world.service.client.head("GET", job.path("input"), headers: world.credentials(of: .alice)))
            try await connection.take(200_000)
            return connection
        }
        try await world.deleteJob(job)
        #expect(try await eventually { world.whereabouts(key) == .trash })
        #expect(try await world.get("input", of: job).status == 404)
        let first = try await readers[0].read()
        #expect(first.status == 200 && first.body == sound)
        try await world.sweep("--now", "+15d")
        try await world.sweep("--now", "+15d")
        world.expect(.nowhere, of: key)
        let second = try await readers[1].read()
        #expect(second.status == 200 && second.body == sound)
        try await world.close()
    }
}

extension Sequence {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async throws -> [T] {
        var values: [T] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
