import CustodeTesting
import Foundation
import Testing

@Suite("Credits: nobody has done more than is paid for")
struct CreditTests {
    private static let order: JSON = ["type": "transcription", "filename": "a.wav"]

    @Test("a hundred at once with ten credits: ten are made, ninety are 402 and store nothing")
    func hundred() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_ALLOWANCE": "10"])
        let token = try await world.issuer.token(world.custode.alice)
        let statuses = try await withThrowingTaskGroup { group in
            for _ in 0..<100 {
                group.addTask { try await world.send("POST", "/saas/jobs", token: token, json: Self.order) }
            }
            return try await group.reduce(into: [Int: Int]()) { $0[$1.status, default: 0] += 1 }
        }
        #expect(statuses == [201: 10, 402: 90])
        #expect(try await world.balance() == 0)
        #expect(try await world.count("jobs") == 10)
        #expect(try await world.count("saas.ledger where kind = 'job'") == 10)
        let refused = try await world.send("POST", "/saas/jobs", json: Self.order)
        expectProblem(refused, 402, "no-credits")
        #expect(try await world.send("GET", "/saas/account").json["credits"] == 0)
        _ = try await world.newJob(as: world.custode.bob)
        try await world.close()
    }

    @Test("out of credits with two tabs: the last one is had once, and comes back when its job is deleted")
    func tabs() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_ALLOWANCE": "1"])
        let other = try await world.replica()
        let token = try await world.issuer.token(world.custode.alice)
        async let one = world.send("POST", "/saas/jobs", token: token, json: Self.order)
        async let two = world.send("POST", "/saas/jobs", token: token, json: Self.order, port: other.port)
        let replies = try await [one, two]
        #expect(replies.map(\.status).sorted() == [201, 402])
        let id = try #require(replies.compactMap { $0.json["job"]["id"].string }.first)
        async let first = world.send("DELETE", "/saas/jobs/\(id)", token: token)
        async let second = world.send("DELETE", "/saas/jobs/\(id)", token: token, port: other.port)
        #expect(try await [first, second].map(\.status).sorted() == [204, 404])
        #expect(try await world.balance() == 1)
        #expect(try await world.send("POST", "/saas/jobs", token: token, json: Self.order).status == 201)
        try await other.stop()
        try await world.close()
    }

    @Test("a type has its own cost; one without cost needs no credit; one without an endpoint is not taken")
    func costs() async throws {
        let world = try await SaaSWorld.start(settings: [
            "SAAS_ALLOWANCE": "7", "SAAS_COSTS": "transcription=5,translation=0", "SAAS_STREAM_URL": "",
        ])
        #expect(try await world.send("GET", "/saas/config").json["costs"] == ["transcription": 5, "translation": 0])
        _ = try await world.newJob()
        #expect(try await world.balance() == 2)
        expectProblem(try await world.send("POST", "/saas/jobs", json: Self.order), 402)
        _ = try await world.newJob("translation", filename: "a.txt")
        #expect(try await world.balance() == 2)
        expectProblem(try await world.send("POST", "/saas/jobs", json: ["type": "stream", "filename": "a"]), 400)
        try await world.close()
    }

    @Test("the allowance is spent first, lapses with its month and comes anew; what was bought stays")
    func months() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_ALLOWANCE": "10"])
        let (alice, bob) = (world.custode.alice, world.custode.bob)
        let month = { (ago: Int) in "date_trunc('month', now() at time zone 'utc')::date - interval '\(ago) month'" }
        func enter(_ user: String, _ kind: String, _ credits: Int, _ ago: Int, job: String? = nil) -> String {
            """
            insert into saas.ledger (user_id, kind, credits, month, job_id)
            values ('\(user)', '\(kind)', \(credits), \(month(ago)), \(job.map { "'\($0)'" } ?? "null"));
            """
        }
        try await world.custode.database.sql(
            """
            insert into saas.accounts (user_id, month) values ('\(alice)', \(month(1))), ('\(bob)', \(month(1)));
            \(enter(alice, "allowance", 10, 1)) \(enter(alice, "job", -1, 1, job: "a")) \(enter(alice, "job", -1, 1, job: "b"))
            \(enter(alice, "purchase", 100, 1))
            \(enter(bob, "allowance", 10, 1)) \(enter(bob, "purchase", 5, 1)) \(enter(bob, "job", -12, 1, job: "c"))
            \(enter(bob, "refund", 3, 2, job: "d"))
            """)
        let account = try await world.send("GET", "/saas/account")
        #expect(account.json["credits"] == 110, "\(account.summary)")
        #expect(account.json["allowance"] == 10)
        let next = try await world.custode.database.value("select to_char(\(month(-1)), 'YYYY-MM-DD')")
        #expect(account.json["renews_at"].string == "\(next ?? "")T00:00:00Z")
        #expect(try await world.balance() == 110)
        let kinds = try await world.custode.database.sql(
            "select kind, credits from saas.ledger where user_id = '\(alice)' order by id")
        #expect(kinds.suffix(2).map { "\($0[0] ?? "") \($0[1] ?? "")" } == ["lapse -8", "allowance 10"])
        // What a job of an earlier month gave back is no allowance unspent, and takes nothing of what was bought.
        #expect(try await world.send("GET", "/saas/account", as: bob).json["credits"] == 16)
        // Once a month, however often it is looked at, and at once.
        let token = try await world.issuer.token(alice)
        try await withThrowingTaskGroup { group in
            for _ in 0..<20 { group.addTask { _ = try await world.send("GET", "/saas/account", token: token) } }
            try await group.waitForAll()
        }
        #expect(try await world.balance() == 110)
        try await world.close()
    }

    @Test("a job whose id was paid for before is not done for nothing: nothing is made")
    func reusedID() async throws {
        let world = try await SaaSWorld.start(ids: .bigint)
        let first = try await world.newJob()
        #expect(try await world.send("DELETE", "/saas/jobs/\(first.id)").status == 204)
        try await world.custode.database.sql("alter table jobs alter id restart with \(first.id)")
        #expect(try await world.send("POST", "/saas/jobs", json: Self.order).status == 500)
        #expect(try await world.count("jobs") == 0)
        #expect(try await world.balance() == 20)
        _ = try await world.newJob()
        #expect(try await world.balance() == 19)
        try await world.close()
    }

    @Test(
        "the same order sent again, were it twenty times at once, is one job and paid once; another's key is another's")
    func idempotency() async throws {
        let world = try await SaaSWorld.start()
        let (alice, bob) = (
            try await world.issuer.token(world.custode.alice), try await world.issuer.token(world.custode.bob)
        )
        let order = { @Sendable (token: String, key: String) in
            try await world.api.client.request(
                "POST", "/saas/jobs",
                headers: ["Authorization": "Bearer \(token)", "Idempotency-Key": key], body: .json(Self.order))
        }
        let ids = try await withThrowingTaskGroup { group in
            for _ in 0..<20 { group.addTask { try await order(alice, "k").json["job"]["id"].string } }
            return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(ids.count == 1)
        #expect(try await world.balance() == 19)
        #expect(try await order(bob, "k").json["job"]["id"].string != ids.first ?? nil)
        let again = try await order(alice, "k")
        try await world.upload(to: again.json["upload"])
        let late = try await order(alice, "k")
        #expect(late.status == 200 && late.json["upload"] == .null && late.json["job"]["has_input"] == true)
        #expect(try await order(alice, "other").status == 201)
        #expect(try await world.balance() == 18)
        expectProblem(try await order(alice, String(repeating: "k", count: 256)), 400)
        try await world.close()
    }

    @Test("a job whose file never comes has failed after a while, and is given back")
    func forsaken() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_INPUT_WAIT": "1s"])
        let id = try await world.newJob().id
        try await world.expect("failed", of: id)
        #expect(try await world.detail(id).json["job"]["reason"] == "The file never came.")
        #expect(try await world.balance() == 20)
        try await world.close()
    }

    @Test("the ledger only grows: nobody changes or removes an entry, and no entry can pass zero")
    func appendOnly() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_ALLOWANCE": "3"])
        _ = try await world.newJob()
        for statement in [
            "update saas.ledger set credits = 1000", "delete from saas.ledger", "truncate saas.ledger",
            "update saas.accounts set balance = -1",
            "insert into saas.ledger (user_id, kind, credits, month) select user_id, 'job', -3, month from saas.accounts",
        ] {
            await #expect(throws: (any Error).self, "\(statement)") { try await world.custode.database.sql(statement) }
        }
        #expect(try await world.balance() == 2)
        #expect(try await world.api.run("schema", "install").status == 0, "installing again changes nothing")
        #expect(try await world.balance() == 2)
        try await world.close()
    }
}
