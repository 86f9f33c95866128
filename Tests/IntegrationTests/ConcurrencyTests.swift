import CustodeTesting
import Foundation
import Testing

@Suite("Requests and commands that get in each other's way", .serialized)
struct ConcurrencyTests {
    private static let world = Once { try await World.start() }

    /// Holds the lock under which a job's objects are published and forgotten.
    private static func hold(_ job: TestJob, in world: World) async throws -> TestDatabase.Session {
        let session = try world.database.session()
        let name = TestDatabase.quote("custode:" + job.id)
        try await session.run("begin; select pg_advisory_xact_lock(hashtextextended(\(name), 0))")
        return session
    }

    /// Waits until so many requests have come to a lock, or a moment: a service may hold some back itself.
    private static func waitForWaiters(_ count: Int, in world: World) async throws {
        _ = try await eventually(within: .seconds(1)) { try await world.database.waiters() >= count }
    }

    @Test(
        "of a replacement and a deletion of the same version one wins, whichever came first",
        arguments: ["PUT", "DELETE"])
    func sameVersion(first: String) async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        let etag = try #require(try await world.store("transcript", of: job, Sample.text(1))["etag"].string)
        let lock = try await Self.hold(job, in: world)
        let send = { @Sendable (method: String) in
            try await world.send(
                method, job.path("transcript"), headers: ["If-Match": etag],
                body: method == "PUT" ? .bytes(Sample.text(2)) : .none
            ).status
        }
        async let one = send(first)
        try await Self.waitForWaiters(1, in: world)
        async let other = send(first == "PUT" ? "DELETE" : "PUT")
        try await Self.waitForWaiters(2, in: world)
        try await lock.end()
        let (replaced, deleted) =
            first == "PUT" ? (try await one, try await other) : (try await other, try await one)
        let isReplaced = (replaced, deleted) == (200, 412)
        let isDeleted = (replaced, deleted) == (412, 204)
        #expect(isReplaced || isDeleted, "PUT \(replaced), DELETE \(deleted)")
        let left = try await world.get("transcript", of: job)
        #expect(isReplaced ? left.body == Sample.text(2) : left.status == 404, "\(left.summary)")
    }

    @Test("a reference that is not ours has no version to match: 412, and it stays")
    func foreignReference() async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        let id = TestDatabase.quote(job.id)
        try await world.database.sql("update jobs set input_ref = 'legacy/x' where id = \(id)")
        expectProblem(
            try await world.send("DELETE", job.path("input"), headers: ["If-Match": "\"zzz\""]), 412)
        #expect(try await world.reference("input", of: job) == "legacy/x")
    }

    @Test("a row that the SaaS holds on to: uploads to its job are 503 soon, and nobody else waits")
    func heldRow() async throws {
        let world = try await Self.world.value()
        let clock = ContinuousClock()
        let job = try await world.newJob()
        let other = try await world.jobWithInput()
        let id = TestDatabase.quote(job.id)
        let holder = try world.database.session()
        try await holder.run("begin; update jobs set status = 'processing' where id = \(id)")
        async let uploads = withThrowingTaskGroup(of: (status: Int, took: Duration).self) { group in
            for number in 0..<9 {
                group.addTask {
                    let started = clock.now
                    let reply = try? await world.send(
                        "PUT", job.path("transcript"), body: .bytes(Sample.text(number)), within: .seconds(10)
                    )
                    return (reply?.status ?? 0, clock.now - started)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try await Self.waitForWaiters(9, in: world)
        for _ in 0..<10 {
            let started = clock.now
            let reply = try? await world.send("GET", other.path("input"), within: .seconds(1))
            #expect(reply?.status == 200, "after \(clock.now - started)")
        }
        let answers = try await uploads
        #expect(answers.allSatisfy { $0.status == 503 && $0.took < .seconds(8) }, "\(answers)")
        try await holder.end()
        let open = "select count(*) from custode.upload_intents where state = 'open' and job_id = \(id)"
        let isSettled = try await eventually { try await world.database.value(open) == "0" }
        #expect(isSettled, "an intent stays open")
        #expect(try await world.put("transcript", of: job, Sample.text()).status == 201)
    }

    @Test("rotating at the same time brings no revoked key back")
    func revocation() async throws {
        let world = try await World.prepare()
        let keys = { @Sendable () async throws -> [(id: Int, state: String)] in
            let outcome = try await world.service.run("keys", "list", "--json")
            return try JSON(Array(outcome.output.utf8))["keys"].array.map { key in
                (try #require(key["id"].int), try #require(key["state"].string))
            }
        }
        var revoked: Set<Int> = []
        for round in 0..<10 {
            let active = try #require(try await keys().first { $0.state == "active" }?.id)
            async let rotation = world.service.run("keys", "rotate")
            async let revocation = world.service.run("keys", "revoke", String(active))
            let outcomes = try await [rotation, revocation]
            #expect(outcomes.allSatisfy { $0.status == 0 }, "\(outcomes.map(\.errors))")
            revoked.insert(active)
            let living = try await keys().filter { $0.state != "revoked" }.map(\.id)
            #expect(revoked.isDisjoint(with: living), "round \(round): revoked \(revoked), in use \(living)")
        }
    }

    @Test("a job without type or without owner disturbs nobody's look-ups, and no batch of links")
    func incompleteRows() async throws {
        let world = try await World.start()
        let healthy = try await world.jobWithInput()
        let alice = TestDatabase.quote(world.alice)
        let rows = try await world.database.sql(
            """
            alter table jobs alter column type drop not null, alter column user_id drop not null;
            insert into jobs (user_id, type) values (\(alice), null), (null, 'transcription') returning id
            """)
        let sick = rows.compactMap { $0.first ?? nil }
        try #require(sick.count == 2)
        let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
            for reader in 0..<12 {
                group.addTask {
                    var statuses: [Int] = []
                    for _ in 0..<25 {
                        let id = reader < 6 ? healthy.id : sick[reader % 2]
                        let status = try await world.send("GET", "/v1/jobs/\(id)/input").status
                        if reader < 6 { statuses.append(status) }
                    }
                    return statuses
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(statuses.count == 150 && statuses.allSatisfy { $0 == 200 }, "\(statuses)")
        let wishes = ([healthy.id] + sick).map { ["job_id": .string($0), "object": "input"] as JSON }
        let reply = try await world.send(
            "POST", "/v1/links", headers: ["Content-Type": "application/json"],
            body: .json(["links": .array(wishes)]))
        #expect(reply.status == 200, "\(reply.summary)")
        #expect(reply.json["links"][0]["url"].string != nil, "\(reply.text)")
        for place in 1...2 { #expect(reply.json["links"][place]["problem"] != .null, "\(reply.text)") }
        try await world.close()
    }

    @Test("a database whose transactions see only the past by default: of two first uploads one is 409")
    func repeatableRead() async throws {
        let world = try await World.prepare()
        try await world.database.sql(
            """
            do $$ begin
                execute format('alter database %I set default_transaction_isolation to %L',
                    current_database(), 'repeatable read');
            end $$
            """)
        let installed = try await world.service.run("schema", "install")
        #expect(installed.status == 0, "\(installed.errors)")
        try await world.service.start()
        let job = try await world.newJob()
        let lock = try await Self.hold(job, in: world)
        async let one = world.put("transcript", of: job, Sample.text(1))
        async let other = world.put("transcript", of: job, Sample.text(2))
        try await Self.waitForWaiters(2, in: world)
        try await lock.end()
        let statuses = try await [one.status, other.status]
        #expect(statuses.sorted() == [201, 409])
        let id = TestDatabase.quote(job.id)
        #expect(try await world.database.value("select count(*) from artifacts where job_id = \(id)") == "1")
        try await world.close()
    }
}
