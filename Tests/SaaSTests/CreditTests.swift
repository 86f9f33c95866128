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
        let user = TestDatabase.quote(world.custode.alice)
        _ = try await world.newJob()
        _ = try await world.newJob()
        #expect(try await world.balance() == 8)
        try await world.custode.database.sql(
            """
            insert into saas.ledger (user_id, kind, credits, month, stripe_session)
            values (\(user), 'purchase', 100, date_trunc('month', now() at time zone 'utc'), 'cs_1')
            """)
        #expect(try await world.balance() == 108)
        // Two months later by the clock of another process.
        let faketime = try #require(Checkout.tool("faketime"))
        let later = try SaaSProcess(
            settings: world.api.settings.filter { $0.key != "SAAS_LISTEN" }, launcher: [faketime, "-f", "+62d"])
        try await later.start()
        let token = try await world.issuer.token(
            world.custode.alice, ["exp": .number(Date().timeIntervalSince1970.rounded(.down) + 70 * 86_400)])
        let account = try await world.send("GET", "/saas/account", token: token, port: later.port)
        #expect(account.json["credits"] == 110, "\(account.summary)")
        #expect(account.json["allowance"] == 10 && account.json["renews_at"].string?.hasSuffix("-01T00:00:00Z") == true)
        #expect(try await world.balance() == 110)
        let kinds = try await world.custode.database.sql(
            "select kind, credits from saas.ledger where user_id = \(user) order by id")
        #expect(
            kinds.map { "\($0[0] ?? "") \($0[1] ?? "")" } == [
                "allowance 10", "job -1", "job -1", "purchase 100", "lapse -8", "allowance 10",
            ])
        // Once a month, however often it is looked at.
        for _ in 0..<3 { _ = try await world.send("GET", "/saas/account", token: token, port: later.port) }
        #expect(try await world.balance() == 110)
        try await later.stop()
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
