import CustodeTesting
import Foundation
import Testing

extension World {
    /// Deals with what the outbox tells of, as if this time had passed, and expects that nothing stops it.
    @discardableResult
    func drain(after time: String, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> CollectionOutcome
    {
        let outcome = try await gc("--outbox-only", "--now", "+" + time)
        #expect(outcome.status == 0 && outcome.verdict == "done", "\(outcome)", sourceLocation: sourceLocation)
        return outcome
    }

    /// How many events of this key wait in the outbox.
    func events(of key: String) async throws -> Int {
        let quoted = TestDatabase.quote(key)
        return Int(try await database.value("select count(*) from custode.outbox where key = \(quoted)") ?? "") ?? -1
    }
}

@Suite("The outbox: what loses its reference is collected after the delay", .serialized)
struct OutboxTests {
    /// Worlds whose worker finds nothing due within the usual fifteen minutes.
    private static let worlds = IDKind.allCases.reduce(into: [IDKind: Once<World>]()) { worlds, ids in
        worlds[ids] = Once { try await World.start(ids: ids) }
    }

    private func world(_ ids: IDKind = .uuid) async throws -> World {
        try await #require(Self.worlds[ids]).value()
    }

    /// The ways in which a reference goes.
    enum Way: String, CaseIterable, Sendable {
        case jobDeleted, artifactDeleted, inputSetToNull, referenceChanged, replaced, deleteRoute
    }

    /// Makes one object lose its reference, and returns its key and its bytes.
    private func lose(_ way: Way, in world: World) async throws -> (key: String, bytes: [UInt8]) {
        let object = way == .inputSetToNull ? "input" : "transcript"
        let bytes = object == "input" ? Sample.wav() : Sample.text(7)
        let (job, key) = try await world.jobWith(object, bytes)
        let id = TestDatabase.quote(job.id)
        switch way {
        case .jobDeleted: try await world.deleteJob(job)
        case .artifactDeleted: try await world.database.sql("delete from artifacts where job_id = \(id)")
        case .inputSetToNull: try await world.database.sql("update jobs set input_ref = null where id = \(id)")
        case .referenceChanged:
            let other = World.key(user: job.user, job: job.id, "output/transcript.zzzzzz.txt")
            try world.plant(other)
            try await world.database.sql(
                "update artifacts set storage_ref = \(TestDatabase.quote(other)) where job_id = \(id)")
        case .replaced:
            let reply = try await world.put("transcript", of: job, Sample.text(8), headers: ["If-Match": "*"])
            #expect(reply.status == 200, "\(reply.summary)")
        case .deleteRoute:
            let reply = try await world.send("DELETE", job.path(object), as: .user(job.user))
            #expect(reply.status == 204, "\(reply.summary)")
        }
        return (key, bytes)
    }

    @Test(
        "however a reference goes, the bytes stay for the delay and lie in quarantine after it",
        arguments: Way.allCases)
    func delay(way: Way) async throws {
        let world = try await world()
        let (key, bytes) = try await lose(way, in: world)
        #expect(try await world.events(of: key) == 1)
        // Ten seconds are left for what lies between the deletion and here.
        try await world.drain(after: "890s")
        #expect(world.whereabouts(key) == .place)
        try await world.drain(after: "900s")
        #expect(world.whereabouts(key) == .trash)
        #expect(try await world.events(of: key) == 0)
        let place = try #require(world.trash()[key]?.first)
        #expect(world.stored(place) == bytes)
    }

    @Test(
        "a job's deletion takes its input and all its artifacts, whatever the type of ids", arguments: IDKind.allCases)
    func cascade(ids: IDKind) async throws {
        let world = try await world(ids)
        let (job, input) = try await world.jobWith("input")
        let (other, kept) = try await world.jobWith("input")
        let keys =
            try await [
                world.store("transcript", of: job, Sample.text())["key"],
                world.store("srt", of: job, Array("1\n00:00:00,000 --> 00:00:01,000\nHallo\n".utf8))["key"],
            ].compactMap(\.string) + [input]
        try await world.deleteJob(job)
        try await world.drain(after: "900s")
        #expect(keys.count == 3)
        for key in keys { #expect(world.whereabouts(key) == .trash, "\(key)") }
        #expect(world.whereabouts(kept) == .place)
        #expect(try await world.get("input", of: other).status == 200)
        let audited = try await world.audit().filter { $0.action == "quarantine" && keys.contains($0.key) }
        #expect(audited.map(\.key).sorted() == keys.sorted())
        #expect(
            try await world.database.value(
                "select count(*) from custode.objects where job_id = "
                    + TestDatabase.quote(job.id)) == "0")
    }

    @Test("the worker of serve does the same by itself")
    func worker() async throws {
        let world = try await World.start(settings: [
            "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms",
        ])
        let (job, key) = try await world.jobWith("input")
        let (_, kept) = try await world.jobWith("input")
        try await world.deleteJob(job)
        let isCollected = try await eventually { world.whereabouts(key) == .trash }
        #expect(isCollected, "\(world.service.log.suffix(2_000))")
        #expect(world.whereabouts(kept) == .place)
        let metrics = try await eventually {
            try await world.service.admin.request("GET", "/metrics").text.contains(
                "custode_collected_objects_total 1\n")
        }
        #expect(metrics)
        try await world.close()
    }

    @Test("a deletion that is rolled back leaves no event, and the object stays")
    func rollback() async throws {
        let world = try await world()
        let (job, key) = try await world.jobWith("transcript")
        let session = try world.database.session()
        try await session.run("begin")
        try await session.run("delete from jobs where id = \(TestDatabase.quote(job.id))")
        try await session.run(
            "do $$ begin assert (select count(*) from custode.outbox where key = \(TestDatabase.quote(key))) = 1; end $$"
        )
        try await session.end()
        #expect(try await world.events(of: key) == 0)
        try await world.drain(after: "20m")
        #expect(try await world.get("transcript", of: job).status == 200)
    }

    @Test("a reference that is back before the delay is over keeps its object, and the event goes")
    func back() async throws {
        let world = try await world()
        let (job, key) = try await world.jobWith("transcript")
        let id = TestDatabase.quote(job.id)
        let row = "(gen_random_uuid(), \(id), 'transcript', \(TestDatabase.quote(key)))"
        try await world.database.sql("delete from artifacts where job_id = \(id)")
        try await world.database.sql("insert into artifacts (id, job_id, kind, storage_ref) values \(row)")
        try await world.drain(after: "20m")
        #expect(try await world.events(of: key) == 0)
        #expect(try await world.get("transcript", of: job).body == Sample.text())
    }

    @Test("an object that another row refers to as well stays until that one goes too")
    func shared() async throws {
        let world = try await world()
        let (job, key) = try await world.jobWith("transcript")
        let twin = try await world.newJob()
        let quoted = TestDatabase.quote(key)
        try await world.database.sql(
            """
            insert into artifacts (id, job_id, kind, storage_ref)
            values (gen_random_uuid(), \(TestDatabase.quote(twin.id)), 'transcript', \(quoted))
            """)
        try await world.deleteJob(job)
        try await world.drain(after: "20m")
        #expect(world.whereabouts(key) == .place)
        try await world.deleteJob(twin)
        try await world.drain(after: "20m")
        #expect(world.whereabouts(key) == .trash)
    }

    @Test("an event told any number of times ends the same: the living stays, the dead goes once")
    func replayed() async throws {
        let world = try await world()
        let (job, dead) = try await world.jobWith("transcript")
        let (_, alive) = try await world.jobWith("transcript")
        try await world.deleteJob(job)
        let replay = [dead, alive].map {
            "insert into custode.outbox (key, job_id, reason) select \(TestDatabase.quote($0)), '', 'again'"
                + " from generate_series(1, 3)"
        }
        for _ in 0..<2 {
            for statement in replay { try await world.database.sql(statement) }
            try await world.drain(after: "20m")
            #expect(world.whereabouts(dead) == .trash && world.whereabouts(alive) == .place)
            #expect(try await world.events(of: dead) + world.events(of: alive) == 0)
        }
        #expect(try await world.audit().count { $0.key == dead } == 1)
        #expect(try await world.audit().count { $0.key == alive } == 0)
    }

    @Test("a reference that is not of our naming is answered, and its file is never touched")
    func foreign() async throws {
        let world = try await world()
        let files = ["legacy/2019/call.wav", "users/\(world.alice)/jobs/1/output/Transcript.txt", "users/x.txt"]
        for file in files {
            let job = try await world.newJob()
            try world.plant(file)
            try await world.database.sql(
                "update jobs set input_ref = \(TestDatabase.quote(file)) where id = \(TestDatabase.quote(job.id))")
            try await world.deleteJob(job)
            #expect(try await world.events(of: file) == 1)
        }
        try await world.drain(after: "20m")
        for file in files {
            #expect(world.whereabouts(file) == .place, "\(file)")
            #expect(try await world.events(of: file) == 0, "\(file)")
        }
    }

    @Test("a job deleted in mid-upload: the upload is 404, and its bytes are collected")
    func midUpload() async throws {
        let world = try await world()
        let job = try await world.newJob()
        let sound = Sample.wav(samples: 100_000)
        let connection = try await RawConnection.open(port: world.service.port)
        let head = world.service.client.head(
            "PUT", job.path("input"), headers: world.credentials(of: .alice) + ["Content-Type": "audio/wav"],
            body: .bytes(sound))
        try await connection.send(head + sound.prefix(150_000))
        let key = World.key(user: job.user, job: job.id, "input/original.wav")
        let count = "select count(*) from custode.upload_intents where key = \(TestDatabase.quote(key))"
        let isBegun = try await eventually { try await world.database.value(count) == "1" }
        #expect(isBegun)
        try await world.deleteJob(job)
        try await connection.send(Array(sound.dropFirst(150_000)))
        #expect(try await connection.read(to: "PUT").status == 404)
        // What was given up first becomes an event, and that has a delay of its own.
        try await world.drain(after: "0s")
        try await world.drain(after: "20m")
        #expect(world.whereabouts(key) == .trash)
        #expect(try await world.database.value(count) == "0")
    }
}
