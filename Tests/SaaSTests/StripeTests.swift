import Cryptography
import CustodeTesting
import Foundation
import Testing

@Suite("Payments: each is credited once, and nobody can invent one")
struct StripeTests {
    private static let world = Once { try await SaaSWorld.start(settings: ["SAAS_ALLOWANCE": "0"]) }

    /// What Stripe says of a session.
    private static func event(
        _ id: String, session: String, user: String, type: String = "checkout.session.completed",
        credits: String = "100",
        status: String = "paid", object: String = "checkout.session"
    ) -> String {
        JSON.object([
            "id": .string(id), "object": "event", "type": .string(type), "livemode": false,
            "data": [
                "object": [
                    "id": .string(session), "object": .string(object), "mode": "payment",
                    "payment_status": .string(status),
                    "metadata": ["user_id": .string(user), "credits": .string(credits)],
                ]
            ],
        ]).description
    }

    private static func signature(
        _ body: String, secret: String = SaaSWorld.webhookSecret, age: Int = 0, scheme: String = "v1"
    ) -> String {
        let time = Int(Date().timeIntervalSince1970) - age
        let tag = HMACSHA256(key: Array(secret.utf8)).authenticate(Array("\(time).\(body)".utf8))
        return "t=\(time),\(scheme)=" + tag.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func deliver(
        _ body: String, _ signature: String?, to world: SaaSWorld
    ) async throws -> RawResponse {
        let headers: HeaderList = signature.map { ["Stripe-Signature": $0] } ?? [:]
        return try await world.api.client.request(
            "POST", "/saas/stripe/webhook", headers: ["Content-Type": "application/json"] + headers, body: .text(body))
    }

    private static func deliver(_ body: String, to world: SaaSWorld) async throws -> RawResponse {
        try await deliver(body, signature(body), to: world)
    }

    /// An account nobody else has.
    private static func newUser(_ world: SaaSWorld) async throws -> String {
        let id = UUID().uuidString.lowercased()
        try await world.custode.addUser(id: id)
        return id
    }

    @Test("a session is made as Stripe documents it; what is paid there is credited, though told twice")
    func checkout() async throws {
        let port = try FreePort.pick()
        let stripe = try await StandIn.start(
            "stripe",
            [
                "--key", SaaSWorld.stripeKey, "--prices", "price_a,price_b", "--secret", SaaSWorld.webhookSecret,
                "--webhook", "http://127.0.0.1:\(port)/saas/stripe/webhook", "--twice",
            ])
        let world = try await SaaSWorld.start(settings: [
            "SAAS_LISTEN": "127.0.0.1:\(port)", "SAAS_STRIPE_URL": stripe.url, "SAAS_ALLOWANCE": "1",
        ])
        #expect(
            try await world.send("GET", "/saas/config").json["packs"] == [
                ["id": "100", "credits": 100], ["id": "500", "credits": 500],
            ])
        expectProblem(try await world.send("POST", "/saas/checkout", json: ["pack": "7"]), 400)
        let begun = try await world.send("POST", "/saas/checkout", json: ["pack": "500"])
        #expect(begun.status == 201, "\(begun.summary)")
        let page = try #require(begun.json["url"].string)
        #expect(page.hasPrefix(stripe.url + "/pay/"))
        #expect(try await world.send("GET", "/saas/account").json["credits"] == 1, "nothing is paid yet")
        let curl = try #require(Checkout.tool("curl"))
        let paid = try await Command.succeed(
            curl, ["-s", "-X", "POST", "-o", "/dev/null", "-w", "%{redirect_url}", page])
        #expect(paid == world.api.url + "/#/jobs?paid=1")
        #expect(try await eventually { try await world.balance() == 501 })
        #expect(try await world.count("saas.ledger where kind = 'purchase'") == 1)
        #expect(!world.api.log.contains(SaaSWorld.stripeKey) && !world.api.log.contains(SaaSWorld.webhookSecret))
        stripe.stop()
        let away = try await world.send("POST", "/saas/checkout", json: ["pack": "500"])
        expectProblem(away, 503)
        try await world.close()
    }

    @Test("a replayed event is taken once, were it sent a hundred times at once")
    func replayed() async throws {
        let world = try await Self.world.value()
        let user = try await Self.newUser(world)
        let body = Self.event("evt_replayed", session: "cs_replayed", user: user)
        let signature = Self.signature(body)
        let outcomes = try await withThrowingTaskGroup { group in
            for _ in 0..<100 { group.addTask { try await Self.deliver(body, signature, to: world) } }
            return try await group.reduce(into: [String: Int]()) {
                $0["\($1.status) \($1.json["outcome"].string ?? "")", default: 0] += 1
            }
        }
        #expect(outcomes == ["200 credited": 1, "200 repeated": 99])
        #expect(try await world.balance(of: user) == 100)
    }

    @Test(
        "two events of one payment in any order credit it once; one without money credits nothing",
        arguments: [false, true])
    func order(isReversed: Bool) async throws {
        let world = try await Self.world.value()
        let user = try await Self.newUser(world)
        let session = "cs_order_\(isReversed)"
        var bodies = [
            Self.event("evt_a_\(isReversed)", session: session, user: user, status: "unpaid"),
            Self.event(
                "evt_b_\(isReversed)", session: session, user: user, type: "checkout.session.async_payment_succeeded"),
            Self.event("evt_c_\(isReversed)", session: session, user: user),
        ]
        if isReversed { bodies.reverse() }
        for body in bodies + bodies { #expect(try await Self.deliver(body, to: world).status == 200) }
        #expect(try await world.balance(of: user) == 100)
    }

    @Test("what is not a payment of ours is acknowledged and credits nothing; a voucher for all of it is one")
    func others() async throws {
        let world = try await Self.world.value()
        let user = try await Self.newUser(world)
        let foreign = Self.event("evt_2", session: "cs_2", user: user).replacing("\"credits\"", with: "\"cups\"")
        let bodies = [
            Self.event("evt_1", session: "cs_1", user: user, type: "checkout.session.expired"), foreign,
            Self.event("evt_5", session: "cs_5", user: user, object: "payment_intent"),
        ]
        for body in bodies { #expect(try await Self.deliver(body, to: world).json["outcome"] == "ignored", "\(body)") }
        #expect(try await world.count("saas.ledger where user_id = '\(user)'") == 0)
        for body in ["", "{}", "[]", "{\"id\":\"evt\"}"] { expectProblem(try await Self.deliver(body, to: world), 400) }
        let voucher = Self.event("evt_8", session: "cs_8", user: user, status: "no_payment_required")
        #expect(try await Self.deliver(voucher, to: world).json["outcome"] == "credited")
    }

    @Test("a payment of ours that cannot be read is refused, so that it is told again, and shouted about")
    func unreadable() async throws {
        let world = try await Self.world.value()
        let user = try await Self.newUser(world)
        for (number, credits) in ["-5", "9999999999999999999", "1e3", "", "1000001"].enumerated() {
            let body = Self.event("evt_unreadable_\(number)", session: "cs_u\(number)", user: user, credits: credits)
            expectProblem(try await Self.deliver(body, to: world), 422, "unreadable")
        }
        let nobody = Self.event("evt_unreadable", session: "cs_u", user: "")
        expectProblem(try await Self.deliver(nobody, to: world), 422, "unreadable")
        #expect(world.api.log.contains("evt_unreadable tells of a payment of ours that cannot be read"))
        #expect(try await world.count("saas.stripe_events where id like 'evt_unreadable%'") == 0)
    }

    @Test("who has no signature to show is answered before the body")
    func unsigned() async throws {
        let world = try await Self.world.value()
        let connection = try await RawConnection.open(port: world.api.port)
        let head = world.api.client.head(
            "POST", "/saas/stripe/webhook", headers: ["Content-Length": "60000"], body: .raw([]))
        try await connection.send(head)
        #expect(try await connection.read(to: "POST").status == 400)
        connection.close()
        let large = try await Self.deliver(String(repeating: " ", count: 70_000), to: world)
        expectProblem(large, 413)
    }

    @Test("a forged, late or early webhook is 400 and changes nothing")
    func forged() async throws {
        let world = try await Self.world.value()
        let user = try await Self.newUser(world)
        let body = Self.event("evt_forged", session: "cs_forged", user: user)
        let sound = Self.signature(body)
        let tag = sound.drop { $0 != "," }.dropFirst(4)
        let signatures = [
            nil, "", "t=1", "v1=\(tag)", String(tag), Self.signature(body, secret: "whsec_other"),
            Self.signature(body, age: 301), Self.signature(body, age: -400), Self.signature(body, scheme: "v0"),
            Self.signature(body + " "), sound.replacing("v1=", with: "v1=00"), String(sound.dropLast(2)),
            sound.uppercased(), sound + ",t=1", Self.signature(body, secret: ""),
            sound.replacing("t=", with: "t=-"), "t=\(Int(Date().timeIntervalSince1970)),v1=",
        ]
        for signature in signatures {
            expectProblem(try await Self.deliver(body, signature, to: world), 400)
        }
        let twice = try await world.api.client.request(
            "POST", "/saas/stripe/webhook", headers: ["Stripe-Signature": sound, "stripe-signature": sound],
            body: .text(body))
        expectProblem(twice, 400)
        #expect(try await world.count("saas.stripe_events where id = 'evt_forged'") == 0)
        #expect(try await world.count("saas.ledger where user_id = '\(user)'") == 0)
        // The sound one, with a second signature beside it, as while Stripe rolls a secret.
        let rolled = sound + Self.signature(body, secret: "whsec_other").drop { $0 != "," }
        #expect(try await Self.deliver(body, rolled, to: world).json["outcome"] == "credited")
        #expect(try await world.balance(of: user) == 100)
    }

    @Test("an event just within the tolerance is taken, and so is one under either of two secrets")
    func tolerance() async throws {
        let world = try await SaaSWorld.start(settings: [
            "SAAS_ALLOWANCE": "0", "SAAS_STRIPE_WEBHOOK_SECRET": "whsec_new, whsec_old",
        ])
        let user = world.custode.alice
        for (number, secret) in ["whsec_old", "whsec_new"].enumerated() {
            let body = Self.event("evt_\(number)", session: "cs_\(number)", user: user)
            let late = Self.signature(body, secret: secret, age: 290)
            #expect(try await Self.deliver(body, late, to: world).json["outcome"] == "credited")
        }
        #expect(try await world.balance() == 200)
        // A payment whose time is killed with the process is told again, and credited then.
        let body = Self.event("evt_last", session: "cs_last", user: user)
        try await world.api.stop(SIGKILL)
        try await world.api.start()
        #expect(try await Self.deliver(body, Self.signature(body, secret: "whsec_new"), to: world).status == 200)
        #expect(try await world.balance() == 300)
        try await world.close()
    }
}
