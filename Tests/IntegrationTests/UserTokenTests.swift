import CustodeTesting
import Foundation
import Testing

@Suite("Users with access tokens of their own")
struct UserTokenTests {
    private static let shared = Once { () -> (world: TokenWorld, job: TestJob) in
        let world = try await TokenWorld.start()
        return (world, try await world.world.newJob())
    }

    /// Expects that a token is refused as bad, and that the log names the reason and holds nothing of the token.
    private static func expectRefused(
        _ token: String, because reason: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let (world, job) = try await shared.value()
        let reply = try await world.answer(to: token, for: job)
        expectProblem(reply, 401, sourceLocation: sourceLocation)
        #expect(
            reply.header("WWW-Authenticate") == #"Bearer error="invalid_token""#, sourceLocation: sourceLocation)
        let id = try #require(reply.header("X-Request-Id"))
        let isLogged = try await eventually {
            world.world.service.log.split(separator: "\n").contains { $0.contains(id) && $0.contains(reason) }
        }
        #expect(isLogged, "\(reason)", sourceLocation: sourceLocation)
        if token.count > 20 { #expect(!world.world.service.log.contains(token), sourceLocation: sourceLocation) }
    }

    @Test("a user's token opens the user's jobs, and nobody else's")
    func own() async throws {
        let (world, job) = try await Self.shared.value()
        let alice = try await world.issuer.token(world.world.alice)
        let bob = try await world.issuer.token(world.world.bob)
        let put = try await world.send("PUT", job.path("input"), token: alice, body: .bytes(Sample.wav()))
        #expect(put.status == 201, "\(put.summary)")
        #expect(try await world.send("GET", job.path("input"), token: alice).body == Sample.wav())
        for method in ["GET", "HEAD", "PUT", "DELETE"] {
            let reply = try await world.send(
                method, job.path("input"), token: bob, body: method == "PUT" ? .bytes(Sample.wav()) : .none)
            #expect(reply.status == 404, "\(method): \(reply.summary)")
        }
        #expect(try await world.answer(to: bob, for: job).status == 404)
        let minted = try await world.send(
            "POST", job.path("links"), token: alice, body: .json(["object": "input"]))
        #expect(minted.status == 201, "\(minted.summary)")
        let tus = try await world.send(
            "POST", "/v1/uploads", token: bob,
            headers: [
                "Tus-Resumable": "1.0.0", "Upload-Length": "5",
                "Upload-Metadata": "job \(Data(job.id.utf8).base64EncodedString()),object aW5wdXQ=",
            ])
        #expect(tus.status == 404, "\(tus.summary)")
    }

    @Test("a user writes input alone; artifact kinds are the workers'")
    func inputOnly() async throws {
        let (world, _) = try await Self.shared.value()
        let job = try await world.world.newJob()
        let token = try await world.issuer.token(world.world.alice)
        expectProblem(
            try await world.send("PUT", job.path("transcript"), token: token, body: .bytes(Sample.text())), 403)
        _ = try await world.world.store("transcript", of: job, Sample.text())
        #expect(try await world.send("GET", job.path("transcript"), token: token).status == 200)
        #expect(try await world.send("DELETE", job.path("transcript"), token: token).status == 204)
    }

    @Test("Custode-User beside a user's token is 400, were it the user's own")
    func actingFor() async throws {
        let (world, job) = try await Self.shared.value()
        let token = try await world.issuer.token(world.world.alice)
        for user in [world.world.alice, world.world.bob, ""] {
            let reply = try await world.send(
                "GET", "/v1/jobs/\(job.id)/objects", token: token, headers: ["Custode-User": user])
            expectProblem(reply, 400)
        }
    }

    @Test(
        "what Auth0 and RFC 9068 call an access token is taken", arguments: ["JWT", "at+jwt", "application/at+JWT", ""])
    func kinds(type: String) async throws {
        let (world, job) = try await Self.shared.value()
        let token = try await world.issuer.token(
            world.world.alice, ["aud": .string(world.issuer.audience)],
            header: ["typ": type.isEmpty ? .null : .string(type)])
        #expect(try await world.answer(to: token, for: job).status == 200)
    }

    @Test("clocks may differ by half a minute, no more")
    func times() async throws {
        let (world, job) = try await Self.shared.value()
        // Each token is of the moment at which it is used: a busy machine takes its time.
        let moment = { (offset: Double) in JSON.number(Date().timeIntervalSince1970.rounded(.down) + offset) }
        let good: [() -> [String: JSON]] = [
            { ["exp": moment(-20)] }, { ["nbf": moment(20)] }, { ["iat": moment(20)] }, { ["exp": moment(300.5)] },
            { ["exp": .number(1e300)] }, { ["iat": .null] }, { ["nbf": 0] },
        ]
        for claims in good {
            let claims = claims()
            let token = try await world.issuer.token(world.world.alice, claims)
            #expect(try await world.answer(to: token, for: job).status == 200, "\(claims)")
        }
        let bad: [(String, () -> [String: JSON])] = [
            ("exp", { ["exp": moment(-31)] }), ("exp", { ["exp": .null] }), ("exp", { ["exp": 0] }),
            ("exp", { ["exp": .string("99999999999")] }), ("exp", { ["exp": .number(-1e300)] }),
            ("exp", { ["exp": true] }), ("nbf", { ["nbf": moment(90)] }), ("iat", { ["iat": moment(90)] }),
            ("nbf", { ["nbf": "soon"] }), ("iat", { ["iat": .number(1e300)] }),
        ]
        for (name, claims) in bad {
            let token = try await world.issuer.token(world.world.alice, claims())
            try await Self.expectRefused(token, because: "token: \(name)")
        }
    }

    @Test(
        "wrong aud, wrong iss, an ID token, a machine's token, a token of nobody: 401",
        arguments: [
            ("aud", ["aud": "https://other.example"]), ("aud", ["aud": .array([])]), ("aud", ["aud": .null]),
            ("aud", ["aud": .array(["https://api.example/", "x"])]), ("aud", ["aud": 1]),
            ("aud", ["aud": .array(["https://api.example", 1])]), ("aud", ["aud": .object(["https://api.example": 1])]),
            ("iss", ["iss": "https://tenant.example"]), ("iss", ["iss": "https://tenant.example/x"]),
            ("iss", ["iss": "HTTPS://tenant.example/"]), ("iss", ["iss": .null]), ("iss", ["iss": .array([])]),
            ("an ID token", ["nonce": "n"]), ("an ID token", ["at_hash": "h"]), ("an ID token", ["c_hash": "h"]),
            ("of a machine", ["gty": "client-credentials"]), ("of a machine", ["gty": .array(["client-credentials"])]),
            ("cnf", ["cnf": .object(["jkt": "x"])]), ("of a machine", ["sub": "client@clients"]),
            ("sub", ["sub": .null]), ("sub", ["sub": ""]), ("sub", ["sub": .array(["auth0|alice"])]),
            ("sub", ["sub": "a\u{1}b"]), ("sub", ["sub": "a\u{0}"]),
        ] as [(String, [String: JSON])])
    func claims(reason: String, claims: [String: JSON]) async throws {
        let (world, _) = try await Self.shared.value()
        try await Self.expectRefused(
            try await world.issuer.token(world.world.alice, claims), because: "token: \(reason)")
    }

    @Test(
        "alg none, HS256, PS256 and mixed case, crit, no kid, and other kinds of tokens are refused before any key is looked at",
        arguments: [
            ("alg", ["alg": "none"]), ("alg", ["alg": "None"]), ("alg", ["alg": "HS256"]), ("alg", ["alg": "PS256"]),
            ("alg", ["alg": "rs256"]), ("alg", ["alg": "RS512"]), ("the header", ["alg": .null]),
            ("the header", ["alg": .array(["RS256"])]), ("crit", ["crit": .array(["exp"])]),
            ("crit", ["crit": .array([])]),
            ("no kid", ["kid": .null]), ("no kid", ["kid": ""]), ("the header", ["kid": 1]),
            ("unknown kid", ["kid": "../first"]), ("typ", ["typ": "logout+jwt"]), ("typ", ["typ": "dpop+jwt"]),
        ] as [(String, [String: JSON])])
    func headers(reason: String, header: [String: JSON]) async throws {
        let (world, _) = try await Self.shared.value()
        try await Self.expectRefused(
            try await world.issuer.token(world.world.alice, header: header), because: "token: \(reason)")
    }

    @Test(
        "tokens without a signature, signed by HS256 with the public key, by PS256 under RS256, and by another key: 401"
    )
    func forged() async throws {
        let (world, _) = try await Self.shared.value()
        let issuer = world.issuer
        let claims = issuer.claims(world.world.alice).description
        let part = { (text: String) in Base64URLText.encode(Array(text.utf8)) }
        for algorithm in ["none", "NONE", "RS256"] {
            let bare = part(issuer.header(["alg": .string(algorithm)]).description) + "." + part(claims) + "."
            try await Self.expectRefused(bare, because: "token: base64url")
        }
        let pem = try await issuer.key.publicPEM()
        for algorithm in ["HS256", "RS256"] {
            let message = part(issuer.header(["alg": .string(algorithm)]).description) + "." + part(claims)
            let openssl = try #require(Checkout.tool("openssl"))
            let folder = try TestFolder()
            try message.write(toFile: folder.path + "/message", atomically: true, encoding: .utf8)
            let key = Array(pem.utf8).map { String(format: "%02x", $0) }.joined()
            let digest = try await Command.succeed(
                openssl,
                ["dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:\(key)", "-r", folder.path + "/message"])
            let bytes = stride(from: 0, to: 64, by: 2).compactMap { index in
                UInt8(digest.dropFirst(index).prefix(2), radix: 16)
            }
            #expect(bytes.count == 32)
            try await Self.expectRefused(
                message + "." + Base64URLText.encode(bytes),
                because: algorithm == "HS256" ? "token: alg" : "token: signature")
        }
        try await Self.expectRefused(
            try await issuer.sign(issuer.header().description, claims, .pss), because: "token: signature")
        let thief = TokenIssuer(keyID: issuer.keyID, key: try await SigningKeyFile.make())
        try await Self.expectRefused(try await thief.token(world.world.alice), because: "token: signature")
    }

    @Test("a key that a token brings along, or says where to get, is neither used nor fetched")
    func ownKey() async throws {
        let (world, _) = try await Self.shared.value()
        let thief = TokenIssuer(keyID: "thief", key: try await SigningKeyFile.make())
        let trap = try await KeySetServer.start(.keys([thief.key.jwk("thief"), thief.key.jwk("first")]))
        for id in ["thief", "first"] {
            let header: [String: JSON] = [
                "kid": .string(id), "jku": .string(trap.url), "x5u": .string(trap.url), "jwk": thief.key.jwk(id),
            ]
            try await Self.expectRefused(
                try await thief.token(world.world.alice, ["iss": .string(trap.url)], header: header), because: "token:")
            try await Self.expectRefused(
                try await thief.token(world.world.alice, header: header), because: "token:")
        }
        #expect(trap.hits == 0)
    }

    @Test("doubled members are refused in header and claims, though the signature is good, however they are spelled")
    func doubled() async throws {
        let (world, _) = try await Self.shared.value()
        let issuer = world.issuer
        let header = issuer.header().description
        let claims = issuer.claims(world.world.alice).description
        for (first, second) in [(#""alg":"RS256""#, #""alg":"none""#), (#""kid":"first""#, #""k\u0069d":"first""#)] {
            let twice = header.replacing("{", with: "{\(second),")
            #expect(twice.contains(first))
            try await Self.expectRefused(try await issuer.sign(twice, claims), because: "token: the header")
        }
        for member in [#""sub":"auth0|bob""#, #""s\u0075b":"auth0|bob""#, #""extra":{"a":1,"a":2}"#] {
            for text in [
                claims.replacing("{", with: "{\(member),", maxReplacements: 1), claims.dropLast() + ",\(member)}",
            ] {
                try await Self.expectRefused(try await issuer.sign(header, text), because: "token: doubled claims")
            }
        }
    }

    @Test("a token turned in any one of its characters, shortened or lengthened is refused")
    func mutilated() async throws {
        let (world, job) = try await Self.shared.value()
        let token = try await world.issuer.token(world.world.alice)
        var seeded = SeededGenerator(seed: 8)
        var mutants = [token + "A", token + "=", token + ".", "." + token, token + "." + token, token + "\u{e9}"]
        for length in stride(from: 0, to: token.count, by: 37) { mutants.append(String(token.prefix(length))) }
        for _ in 0..<150 {
            var letters = Array(token)
            let place = Int.random(in: 0..<letters.count, using: &seeded)
            let other = Array("ABCXYZabcxyz0189-_.+/= ")[Int.random(in: 0..<23, using: &seeded)]
            guard letters[place] != other else { continue }
            letters[place] = other
            mutants.append(String(letters))
        }
        for mutant in mutants where !mutant.isEmpty {
            let reply = try await world.answer(to: mutant, for: job)
            #expect(reply.status == 401, "\(mutant): \(reply.summary)")
        }
        #expect(try await world.answer(to: token, for: job).status == 200)
    }

    @Test("a token of 10 MB, and one just within a request's head, are refused, and the service goes on")
    func huge() async throws {
        let (world, job) = try await Self.shared.value()
        let padded = try await world.issuer.token(
            world.world.alice, ["pad": .string(String(repeating: "x", count: 20_000))])
        #expect([401, 431].contains(try await world.answer(to: padded, for: job).status))
        let huge = String(repeating: "a", count: 10_000_000)
        let reply = try? await world.answer(to: huge, for: job)
        #expect(reply.map { [400, 431].contains($0.status) } ?? true)
        let token = try await world.issuer.token(world.world.alice)
        #expect(try await world.answer(to: token, for: job).status == 200)
    }

    @Test("the user is what the configured claim says, text or number, and a token without it is nobody's")
    func otherClaim() async throws {
        let claim = "https://saas.example/user_id"
        let tokens = try await TokenWorld.start(settings: ["CUSTODE_USER_CLAIM": claim])
        let job = try await tokens.world.newJob()
        let mine = try await tokens.issuer.token("somebody", [claim: .string(tokens.world.alice)])
        #expect(try await tokens.answer(to: mine, for: job).status == 200)
        try await tokens.world.addUser(id: "42")
        let counted = try await tokens.world.newJob(for: "42")
        let number = try await tokens.issuer.token("somebody", [claim: 42])
        #expect(try await tokens.answer(to: number, for: counted).status == 200)
        #expect(try await tokens.answer(to: number, for: job).status == 404)
        for other: JSON in [.null, .number(4.5), true, .array([.string(tokens.world.alice)]), ""] {
            let token = try await tokens.issuer.token(tokens.world.alice, [claim: other])
            expectProblem(try await tokens.answer(to: token, for: job), 401)
        }
        let machine = try await tokens.issuer.token(
            "client@clients", [claim: .string(tokens.world.alice), "gty": "client-credentials"])
        expectProblem(try await tokens.answer(to: machine, for: job), 401)
        try await tokens.world.close()
    }

    @Test("where no issuer is configured nobody's token is good")
    func off() async throws {
        let world = try await World.shared()
        let issuer = TokenIssuer(keyID: "a", key: try await SigningKeyFile.make())
        let reply = try await world.service.client.request(
            "GET", "/v1/jobs/1/objects",
            headers: ["Authorization": "Bearer \(try await issuer.token(world.alice))"])
        expectProblem(reply, 401)
    }
}
