import CustodeTesting
import Foundation
import Testing

@Suite("The issuer's key set, good and bad")
struct KeySetTests {
    /// A world whose issuer's set was fetched when it started.
    private static func start() async throws -> (TokenWorld, TestJob) {
        let world = try await TokenWorld.start()
        #expect(try await eventually { world.keySet.hits > 0 })
        return (world, try await world.world.newJob())
    }

    @Test("one fetch serves all tokens, and garbage causes one more in 30 s, whatever its ids and signatures")
    func fetches() async throws {
        let (world, job) = try await Self.start()
        let token = try await world.issuer.token(world.world.alice)
        let thief = TokenIssuer(keyID: world.issuer.keyID, key: try await SigningKeyFile.make())
        let forged = try await thief.token(world.world.alice)
        var garbage: [String] = []
        for id in 0..<10 {
            garbage.append(try await thief.token(world.world.alice, header: ["kid": .number(Double(id))]))
        }
        for id in 0..<10 {
            garbage.append(try await thief.token(world.world.alice, header: ["kid": .string("k\(id)")]))
        }
        #expect(world.keySet.hits == 1)
        try await withThrowingTaskGroup { group in
            for text in garbage + Array(repeating: forged, count: 20) + Array(repeating: token, count: 40) {
                group.addTask { (text == token, try await world.answer(to: text, for: job).status) }
            }
            for try await (isGood, status) in group { #expect(status == (isGood ? 200 : 401)) }
        }
        #expect(world.keySet.hits == 2)
        try await world.world.close()
    }

    @Test("a new key is known at once, an old one goes with the set that lacks it, a second rotation waits its 30 s")
    func rotation() async throws {
        let (world, job) = try await Self.start()
        let old = try await world.issuer.token(world.world.alice)
        #expect(try await world.answer(to: old, for: job).status == 200)
        let next = TokenIssuer(keyID: "second", key: try await SigningKeyFile.make())
        world.keySet.reply = .keys([next.key.jwk("second")])
        #expect(try await world.answer(to: old, for: job).status == 200, "its set is good for ten minutes")
        #expect(try await world.answer(to: try await next.token(world.world.alice), for: job).status == 200)
        expectProblem(try await world.answer(to: old, for: job), 401)
        let third = TokenIssuer(keyID: "third", key: try await SigningKeyFile.make())
        world.keySet.reply = .keys([third.key.jwk("third")])
        let early = try await third.token(world.world.alice)
        expectProblem(try await world.answer(to: early, for: job), 401)
        #expect(world.keySet.hits == 2)
        try await world.world.close()
    }

    @Test("the same kid with a new key: tokens by the new key are good at once, those by the old one no longer")
    func replaced() async throws {
        let (world, job) = try await Self.start()
        let old = try await world.issuer.token(world.world.alice)
        let next = TokenIssuer(keyID: world.issuer.keyID, key: try await SigningKeyFile.make())
        world.keySet.reply = .keys([next.key.jwk(next.keyID)])
        #expect(try await world.answer(to: try await next.token(world.world.alice), for: job).status == 200)
        expectProblem(try await world.answer(to: old, for: job), 401)
        try await world.world.close()
    }

    @Test("SIGHUP fetches the set at once: the tokens of a key that the issuer revoked are over")
    func revoked() async throws {
        let (world, job) = try await Self.start()
        let token = try await world.issuer.token(world.world.alice)
        #expect(try await world.answer(to: token, for: job).status == 200)
        world.keySet.reply.status = 500
        world.world.service.signal(1)
        #expect(try await eventually { world.keySet.hits == 2 })
        #expect(try await world.answer(to: token, for: job).status == 200, "what fails changes nothing")
        world.keySet.reply = .keys([])
        world.world.service.signal(1)
        #expect(try await eventually { try await world.answer(to: token, for: job).status == 401 })
        try await world.world.close()
    }

    /// Replies that give no key set, and what of it the log says.
    private static let troubles: [(String, KeySetServer.Reply)] = {
        let key = #"{"keys":[]}"#
        var list: [(String, KeySetServer.Reply)] = []
        func add(_ cause: String, _ change: (inout KeySetServer.Reply) -> Void) {
            var reply = KeySetServer.Reply(key)
            change(&reply)
            list.append((cause, reply))
        }
        add("status 500") { $0.status = 500 }
        add("status 404") { $0.status = 404 }
        add("status 302") {
            $0.status = 302
            $0.location = "http://127.0.0.1:1/"
        }
        add("text/html") { $0.type = "text/html" }
        add("key set") { $0.body = "<html>" }
        add("key set") { $0.body = #"{"keys":"# }
        add("bytes") { $0.body = #"{"keys":[], "pad":""# + String(repeating: "x", count: 10_000_000) + "\"}" }
        add("gives no key set") { $0.hangsUp = true }
        add("5.0 seconds") {
            $0.drips = true
            $0.body += String(repeating: " ", count: 100)
        }
        add("gives no key set") { $0.delay = .seconds(20) }
        return list
    }()

    @Test(
        "while the set cannot be had every token is 503 with Retry-After, service keys work, and it heals by itself",
        arguments: troubles.indices)
    func away(index: Int) async throws {
        let (cause, reply) = Self.troubles[index]
        let world = try await TokenWorld.start(reply: reply)
        let job = try await world.world.newJob()
        let token = try await world.issuer.token(world.world.alice)
        let refused = try await world.answer(to: token, for: job)
        expectProblem(refused, 503)
        #expect(refused.header("Retry-After") != nil)
        #expect(refused.json["type"].string == "urn:custode:issuer-unavailable")
        #expect(try await world.world.send("GET", "/v1/jobs/\(job.id)/objects").status == 200)
        #expect(
            try await eventually { world.world.service.log.contains(cause) }, "\(world.world.service.log.suffix(2_000))"
        )
        world.keySet.reply = .keys([world.issuer.key.jwk(world.issuer.keyID)])
        let heals = try await eventually(within: .seconds(15)) {
            try await world.answer(to: token, for: job).status == 200
        }
        #expect(heals)
        try await world.world.close()
    }

    @Test("a set that was had serves on while the issuer is down, slow or talks nonsense", arguments: troubles.indices)
    func stale(index: Int) async throws {
        let (world, job) = try await Self.start()
        let token = try await world.issuer.token(world.world.alice)
        #expect(try await world.answer(to: token, for: job).status == 200)
        world.keySet.reply = Self.troubles[index].1
        // One of an unknown id makes it ask, and cannot be told good or bad.
        let other = TokenIssuer(keyID: "new", key: try await SigningKeyFile.make())
        async let unknown = world.answer(to: try await other.token(world.world.alice), for: job)
        for _ in 0..<20 { #expect(try await world.answer(to: token, for: job).status == 200) }
        expectProblem(try await unknown, 503)
        #expect(try await world.answer(to: token, for: job).status == 200)
        try await world.world.close()
    }

    @Test("an empty set is an answer: every token is refused")
    func empty() async throws {
        let world = try await TokenWorld.start(reply: .keys([]))
        let job = try await world.world.newJob()
        expectProblem(try await world.answer(to: try await world.issuer.token(world.world.alice), for: job), 401)
        try await world.world.close()
    }
}
