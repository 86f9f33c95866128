import CustodeTesting
import Foundation
import Testing

@Suite("How much and how often: 429 with Retry-After")
struct LimitTests {
    private static func expectTooMany(_ reply: RawResponse, sourceLocation: SourceLocation = #_sourceLocation) throws {
        expectProblem(reply, 429, sourceLocation: sourceLocation)
        let wait = try #require(reply.header("Retry-After").flatMap { Int($0) }, sourceLocation: sourceLocation)
        #expect(wait >= 1, sourceLocation: sourceLocation)
    }

    /// Sends until one is refused, and expects that a burst was not, and one more for each second that it took.
    private static func taken(
        burst: Int, sourceLocation: SourceLocation = #_sourceLocation, _ send: () async throws -> RawResponse
    ) async throws -> RawResponse {
        let start = ContinuousClock.now
        for count in 0..<1_000 {
            let reply = try await send()
            guard reply.status == 429 else { continue }
            let most = burst + Int((ContinuousClock.now - start) / .seconds(1)) + 2
            #expect((burst...most).contains(count), sourceLocation: sourceLocation)
            return reply
        }
        throw HarnessError("a thousand were taken")
    }

    /// Begins a resumable upload of a transcript.
    private static func create(_ length: Int, of job: TestJob, in world: World) async throws -> RawResponse {
        try await world.send(
            "POST", "/v1/uploads",
            headers: [
                "Tus-Resumable": "1.0.0", "Upload-Length": "\(length)",
                "Upload-Metadata": "job \(Data(job.id.utf8).base64EncodedString()),object dHJhbnNjcmlwdA==",
            ])
    }

    @Test("a key that comes too often is told when to come again, whomever it acts for; another key is not held up")
    func perKey() async throws {
        let world = try await World.start(settings: [
            "CUSTODE_POLICY_RATES_SERVICE_KEY_REQUESTS_PER_SECOND": "1", "CUSTODE_POLICY_RATES_SERVICE_KEY_BURST": "10",
        ])
        let job = try await world.newJob()
        let path = "/v1/jobs/\(job.id)/objects"
        var users = [world.alice, world.bob].makeIterator()
        let refused = try await Self.taken(burst: 10) {
            try await world.send("GET", path, as: .user(users.next() ?? world.alice))
        }
        try Self.expectTooMany(refused)
        #expect(try await world.send("GET", path, as: .delegate(world.alice)).status == 200)
        let wait = try #require(refused.header("Retry-After").flatMap { Int($0) })
        // What is refused meanwhile costs nothing, so that asking does not put it off.
        #expect(try await eventually(within: .seconds(wait + 1)) { try await world.send("GET", path).status == 200 })
        try await world.close()
    }

    @Test("a user for whom keys come too often is held up, whatever the keys; another user is not, and links work on")
    func perUser() async throws {
        let world = try await World.start(settings: [
            "CUSTODE_POLICY_RATES_USER_REQUESTS_PER_SECOND": "1", "CUSTODE_POLICY_RATES_USER_BURST": "10",
        ])
        let job = try await world.jobWithInput()
        let link = try await world.link("input", of: job)
        let path = "/v1/jobs/\(job.id)/objects"
        var callers = [Caller.alice, .delegate(world.alice), .alice].makeIterator()
        let refused = try await Self.taken(burst: 8) {
            try await world.send("GET", path, as: callers.next() ?? .alice)
        }
        try Self.expectTooMany(refused)
        try Self.expectTooMany(
            try await Self.taken(burst: 0) { try await world.send("GET", path, as: .delegate(world.alice)) })
        #expect(try await world.send("GET", path, as: .bob).status == 404)
        #expect(try await world.send("GET", link, as: .stranger).status == 200)
        try await world.close()
    }

    @Test("a user with a token of its own has a limit of its own, and one by default")
    func perToken() async throws {
        let tokens = try await TokenWorld.start(settings: [
            "CUSTODE_POLICY_RATES_USER_TOKEN_REQUESTS_PER_SECOND": "1", "CUSTODE_POLICY_RATES_USER_TOKEN_BURST": "5",
        ])
        let job = try await tokens.world.newJob()
        let (one, other) = (
            try await tokens.issuer.token(tokens.world.alice),
            try await tokens.issuer.token(tokens.world.alice, ["x": 1])
        )
        var turn = false
        let refused = try await Self.taken(burst: 5) {
            turn.toggle()
            return try await tokens.answer(to: turn ? one : other, for: job)
        }
        try Self.expectTooMany(refused)
        #expect(try await tokens.world.send("GET", "/v1/jobs/\(job.id)/objects").status == 200)
        let bob = try await tokens.issuer.token(tokens.world.bob)
        #expect(try await tokens.answer(to: bob, for: job).status == 404)
        try await tokens.world.close()
    }

    @Test("links are counted one by one, minted singly or in batches; a batch that is too much makes none")
    func links() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_RATES_USER_LINKS_PER_MINUTE": "10"])
        let job = try await world.jobWithInput()
        let batch = { (count: Int) in
            try await world.send(
                "POST", "/v1/links",
                body: .json([
                    "links": .array(Array(repeating: ["job_id": .string(job.id), "object": "input"], count: count))
                ]))
        }
        #expect(try await batch(8).status == 200)
        try Self.expectTooMany(try await batch(3))
        #expect(try await world.mint("input", of: job).status == 201)
        #expect(try await batch(1).status == 200)
        try Self.expectTooMany(try await world.mint("input", of: job))
        #expect(try await world.get("input", of: job).status == 200, "what is no minting is not counted as such")
        try await world.close()
    }

    @Test("a user's bytes of a day: plain and resumable uploads together, announced or not, at every replica")
    func bytes() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_UPLOADS_MAX_BYTES_PER_USER_PER_DAY": "100KiB"])
        let jobs = try await world.newJobs(6)
        let text = { (size: Int) in Array(Sample.text().prefix(10)) + [UInt8](repeating: 0x61, count: size - 10) }
        #expect(try await world.put("transcript", of: jobs[0], text(40 << 10)).status == 201)
        try await world.expectNothingLeft {
            try Self.expectTooMany(try await world.put("transcript", of: jobs[1], text(61 << 10)))
            let chunked = try await world.send(
                "PUT", jobs[1].path("transcript"), body: .chunked([text(30 << 10), text(31 << 10)]))
            try Self.expectTooMany(chunked)
        }
        // What was sent and refused was sent.
        try Self.expectTooMany(try await world.put("transcript", of: jobs[1], text(1 << 10)))
        #expect(
            try await world.put("transcript", of: try await world.newJob(for: world.bob), text(1 << 10)).status == 201)
        let told =
            "select coalesce(sum(bytes), 0) > 100 * 1024 from custode.received_bytes where user_id = '\(world.alice)'"
        #expect(try await eventually { try await world.database.value(told) == "t" })
        let refused = try await Self.create(1 << 10, of: jobs[2], in: world)
        try Self.expectTooMany(refused)
        #expect(refused.text.contains("as much today as may be"), "\(refused.text)")
        try await world.service.kill9()
        try await world.service.start()
        try Self.expectTooMany(try await world.put("transcript", of: jobs[3], text(1 << 10)))
        try await world.close()
    }

    @Test("of a hundred uploads at once no more are taken than the day has bytes for")
    func atOnce() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_UPLOADS_MAX_BYTES_PER_USER_PER_DAY": "10KiB"])
        let jobs = try await world.newJobs(60)
        let statuses = try await withThrowingTaskGroup { group in
            for job in jobs {
                group.addTask {
                    try await world.put("transcript", of: job, [UInt8](repeating: 0x61, count: 1 << 10)).status
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.count { $0 == 201 } == 10)
        #expect(statuses.allSatisfy { [201, 429].contains($0) })
        try await world.close()
    }

    @Test("open uploads are counted: one too many is 429, until one is deleted")
    func open() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_UPLOADS_MAX_OPEN_PER_USER": "3"])
        let job = try await world.newJob()
        let create = { try await Self.create(10, of: job, in: world) }
        var places: [String] = []
        for _ in 0..<3 { places.append(try #require(try await create().header("Location"))) }
        try Self.expectTooMany(try await create())
        let deleted = try await world.send(
            "DELETE", try World.target(of: places[0]), headers: ["Tus-Resumable": "1.0.0"])
        #expect(deleted.status == 204)
        #expect(try await create().status == 201)
        try await world.close()
    }

    @Test("one user's noise does not use up what a key has for the others")
    func noise() async throws {
        let world = try await World.start(settings: [
            "CUSTODE_POLICY_RATES_SERVICE_KEY_REQUESTS_PER_SECOND": "1", "CUSTODE_POLICY_RATES_SERVICE_KEY_BURST": "20",
            "CUSTODE_POLICY_RATES_USER_REQUESTS_PER_SECOND": "1", "CUSTODE_POLICY_RATES_USER_BURST": "3",
        ])
        let job = try await world.newJob()
        for _ in 0..<40 { _ = try await world.send("GET", "/v1/jobs/\(job.id)/objects") }
        #expect(try await world.send("GET", "/v1/jobs/\(job.id)/objects", as: .bob).status == 404)
        try await world.close()
    }

    @Test("a resumable upload sees the plain ones that are under way, and a plain one the resumable ones")
    func together() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_UPLOADS_MAX_BYTES_PER_USER_PER_DAY": "100KiB"])
        let jobs = try await world.newJobs(3)
        let plain = try await RawConnection.open(port: world.service.port)
        try await plain.send(
            world.service.client.head(
                "PUT", jobs[0].path("transcript"),
                headers: world.credentials(of: .alice) + ["Content-Length": "61440"], body: .raw([])))
        try await plain.send([UInt8](repeating: 0x61, count: 8_192))
        let create = { @Sendable (length: Int) in try await Self.create(length, of: jobs[1], in: world) }
        let isUnderWay = try await eventually {
            try await world.service.admin.request("GET", "/metrics").text.contains("\ncustode_uploads_open 1\n")
        }
        #expect(isUnderWay)
        try Self.expectTooMany(try await create(61_440))
        #expect(try await create(30_720).status == 201)
        try Self.expectTooMany(try await world.put("transcript", of: jobs[2], [UInt8](repeating: 0x61, count: 20_480)))
        try await plain.send([UInt8](repeating: 0x61, count: 53_248))
        #expect(try await plain.read(to: "PUT").status == 201)
        try await world.close()
    }
}
