import CustodeTesting
import Foundation
import Testing

@Suite("Link tokens under attack", .serialized)
struct TokenAttackTests {
    private struct Target {
        let world: World
        let job: TestJob
        let path: String
        let token: LinkToken

        func get(_ path: String, headers: HeaderList = [:]) async throws -> RawResponse {
            try await world.send("GET", path, as: .stranger, headers: headers)
        }
    }

    private func target(_ members: [String: JSON] = ["ttl_seconds": 900]) async throws -> Target {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let path = try await world.link("input", of: job, members)
        return Target(world: world, job: job, path: path, token: try #require(LinkToken(target: path)))
    }

    @Test("a token is short, base64url without padding, and names no path")
    func shape() async throws {
        let target = try await target()
        #expect((60...140).contains(target.token.text.count), "\(target.token.text.count)")
        #expect(target.token.text.wholeMatch(of: /[A-Za-z0-9_-]+/) != nil)
        #expect(LinkToken.encode(target.token.bytes) == target.token.text, "the one canonical spelling")
        let raw = String(decoding: target.token.bytes, as: UTF8.self)
        for word in ["users", "jobs", "input", "original"] { #expect(!raw.contains("/" + word)) }
    }

    @Test("every single bit turned is the same 403")
    func bits() async throws {
        let target = try await target()
        let connection = try await RawConnection.open(port: target.world.service.port)
        var answers: Set<String> = []
        for bit in 0..<(target.token.bytes.count * 8) {
            try await connection.send(
                target.world.service.client.head("GET", "/o/" + target.token.flipping(bit: bit)))
            let reply = try await connection.read()
            #expect(reply.status == 403, "bit \(bit): \(reply.summary)")
            answers.insert(impersonal(reply))
        }
        #expect(answers.count == 1, "\(answers)")
        expectProblem(try await target.get("/o/" + target.token.flipping(bit: 0)), 403)
        #expect(try await target.get("/o/" + target.token.text).status == 200)
    }

    @Test("truncated at every length and extended in every way: 403")
    func lengths() async throws {
        let target = try await target()
        let token = target.token.text
        for length in 1..<token.count {
            #expect(try await target.get("/o/" + token.prefix(length)).status == 403, "\(length)")
        }
        let longer = ["A", "AA", "AAAA", "-", "_", token].map { token + $0 } + ["A" + token, "AAAA" + token]
        let bytes = [
            target.token.bytes + [0], [0] + target.token.bytes, target.token.bytes + target.token.bytes,
        ]
        for text in longer + bytes.map(LinkToken.encode) {
            #expect(try await target.get("/o/" + text).status == 403, "\(text)")
        }
    }

    @Test("an empty token opens nothing", arguments: ["/o/", "/o", "/o//", "/o//name.wav", "/u/", "/u"])
    func empty(path: String) async throws {
        let target = try await target()
        let reply = try await target.get(path)
        #expect([403, 404, 405].contains(reply.status), "\(reply.summary)")
    }

    @Test("a token of 64 KiB is refused, and the service goes on")
    func huge() async throws {
        let target = try await target()
        for text in [
            String(repeating: "A", count: 65_536), target.token.text + String(repeating: "A", count: 65_536),
        ] {
            let reply = try await target.get("/o/" + text)
            #expect([400, 403, 414, 431].contains(reply.status), "\(reply.status)")
        }
        #expect(try await target.get(target.path).status == 200)
    }

    @Test("base64 that is not canonical opens nothing, though it decodes to the same bytes")
    func nonCanonical() async throws {
        // Bytes vary by token; try until one holds both letters that the two alphabets write differently.
        var target = try await target()
        for _ in 0..<50 where !(target.token.text.contains("-") && target.token.text.contains("_")) {
            target = try await self.target()
        }
        let token = target.token.text
        let half = token.index(token.startIndex, offsetBy: token.count / 2)
        var spellings = [
            token + "=", token + "==", token.replacing("-", with: "+"), token.replacing("-", with: "%2B"),
            token.replacing("_", with: "%2F"), token[..<half] + "%0A" + token[half...],
            token[..<half] + "%20" + token[half...], "%20" + token, token + "%20", token + "%0D%0A",
            token + "%00",
            token.lowercased(), token.uppercased(), token + "%3D",
        ].map { String($0) }
        // With a length that is no multiple of four the last letter has bits that mean nothing.
        if token.count % 4 != 0, let last = token.last {
            let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
            let spare = token.count % 4 == 2 ? 16 : 4
            let group = (alphabet.firstIndex(of: last) ?? 0) / spare * spare
            spellings += (group..<(group + spare)).map { token.dropLast() + String(alphabet[$0]) }
        }
        for text in spellings where text != token {
            let reply = try await target.get("/o/" + text)
            #expect([400, 403, 404].contains(reply.status), "\(text): \(reply.summary)")
        }
    }

    @Test(
        "a token of a life beyond the maximum is refused even with a good MAC",
        arguments: ["16m", "48d", "24855d"])
    func beyondMaximum(life: String) async throws {
        let target = try await target()
        // A service of the same ring whose policy allowed more: what a changed policy leaves behind.
        let lax = try CustodeProcess(
            database: target.world.database.uri, bucket: "file://" + target.world.bucket,
            keys: [target.world.bothKey],
            settings: [
                "CUSTODE_STATE_DIR": target.world.service.folder.path + "/state",
                "CUSTODE_POLICY_LINKS_MAX_TTL": "25000d",
                "CUSTODE_PUBLIC_URL": "http://127.0.0.1:\(target.world.service.port)",
            ])
        let outcome = try await lax.run("link", "--job", target.job.id, "--object", "input", "--ttl", life)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let url = try #require(outcome.output.firstMatch(of: /http:\S+/)?.output)
        expectProblem(try await target.get(World.target(of: String(url))), 403)
    }

    @Test("a download token uploads nothing and deletes nothing")
    func otherOperations() async throws {
        let target = try await target()
        let token = target.token.text
        let body = RequestBody.bytes(Sample.wav(seed: 4))
        let world = target.world
        expectProblem(try await world.send("PUT", "/u/" + token, as: .stranger, body: body), 403)
        for (method, path) in [
            ("PUT", "/o/" + token), ("DELETE", "/o/" + token), ("POST", "/o/" + token),
            ("PATCH", "/o/" + token),
            ("DELETE", "/u/" + token),
        ] {
            let reply = try await world.send(
                method, path, as: .stranger, body: method == "PUT" ? body : .none)
            #expect([403, 405].contains(reply.status), "\(method) \(path): \(reply.summary)")
        }
        for method in ["DELETE", "PUT", "PATCH"] {
            let override: HeaderList = ["X-HTTP-Method-Override": method]
            let get = try await target.get("/o/" + token, headers: override)
            #expect(get.status == 200 && get.body == Sample.wav())
            let post = try await world.send(
                "POST", "/o/" + token, as: .stranger, headers: override, body: body)
            #expect([403, 405].contains(post.status))
        }
        for path in [target.job.path("input"), target.job.path("objects")] {
            let reply = try await target.get(
                path, headers: ["Authorization": "Bearer " + token, "Custode-User": world.alice])
            expectProblem(reply, 401)
        }
        #expect(try await world.get("input", of: target.job).body == Sample.wav())
    }

    @Test("an upload token downloads nothing")
    func uploadAsDownload() async throws {
        let target = try await target()
        let upload = try await target.world.link("transcript", of: target.job, ["operation": "upload"])
        let token = try #require(LinkToken(target: upload))
        expectProblem(try await target.get("/o/" + token.text), 403)
        #expect(try await target.world.send("HEAD", "/o/" + token.text, as: .stranger).status == 403)
        #expect([403, 405].contains(try await target.get("/u/" + token.text).status))
    }

    @Test("a token of another service, with other keys, is 403")
    func anotherHost() async throws {
        let target = try await target()
        let other = try await World.sharedWithTextIDs()
        let job = try await other.jobWithInput()
        expectProblem(try await target.get(try await other.link("input", of: job)), 403)
        expectProblem(try await other.send("GET", target.path, as: .stranger), 403)
    }

    @Test(
        "no query changes the reply",
        arguments: [
            "response-content-type=text/html", "response-content-disposition=inline", "download=evil.html",
            "disposition=inline", "disposition=inline&disposition=attachment", "token=x", "a=1&a=2", "%00",
            "?",
            "X-Amz-Signature=0", "filename=evil.html",
        ])
    func query(text: String) async throws {
        let target = try await target()
        let plain = try await target.get(target.path)
        #expect(plain.status == 200)
        #expect(impersonal(try await target.get(target.path + "?" + text)) == impersonal(plain))
    }

    @Test(
        "the name at the end is never trusted",
        arguments: [
            "..%2f..%2fetc%2fpasswd", "%00", "a%00.html", "%0d%0aX-Evil:%20yes", "%E2%80%AEgnp.exe",
            "evil.html",
            "a%22;filename=evil.html", "..", "%2e%2e", "%ff%fe", "%", "%zz", "a/b/c",
        ])
    func name(tail: String) async throws {
        let target = try await target()
        let plain = try await target.get("/o/" + target.token.text)
        #expect(plain.status == 200)
        let reply = try await target.get("/o/\(target.token.text)/\(tail)")
        #expect(reply.header("X-Evil") == nil)
        if reply.status == 200 {
            #expect(impersonal(reply) == impersonal(plain))
        } else {
            #expect([400, 404].contains(reply.status), "\(reply.summary)")
        }
    }

    @Test("a name of 10 KB at the end has no effect, or is too long")
    func longName() async throws {
        let target = try await target()
        let reply = try await target.get("/o/\(target.token.text)/" + String(repeating: "n", count: 10_240))
        #expect([200, 414].contains(reply.status), "\(reply.status)")
    }

    @Test("a credential sent along is ignored: it neither helps nor harms")
    func credentials() async throws {
        let target = try await target()
        let world = target.world
        let bad = "/o/" + target.token.flipping(bit: 100)
        for headers in [
            world.credentials(of: .bob), world.credentials(of: .alice), ["Authorization": "Bearer nonsense"],
            ["Authorization": "Bearer " + world.bothKey.text, "Custode-User": "\u{1}"],
        ] {
            let reply = try await target.get(target.path, headers: headers)
            #expect([200, 400].contains(reply.status), "\(reply.summary)")
            if reply.status == 400 { #expect(headers["Custode-User"] == "\u{1}") }
            let refused = try await target.get(bad, headers: headers)
            #expect([403, 400].contains(refused.status), "\(refused.summary)")
        }
    }

    @Test("other spellings of the path open nothing")
    func pathForms() async throws {
        let target = try await target()
        let token = target.token.text
        for path in [
            "/o//\(token)", "/o/./\(token)", "/o/x/../\(token)", "/O/\(token)", "/o;x/\(token)",
            "/o/\(token);x", "/v1/o/\(token)", "/o/../o/\(token)", "/o\\\(token)",
        ] {
            let reply = try await target.get(path)
            #expect([400, 403, 404].contains(reply.status), "\(path): \(reply.summary)")
        }
    }

    @Test(
        "a target in absolute form is the same resource, whatever host it names",
        arguments: ["%HOST", "evil.example"])
    func absoluteForm(host: String) async throws {
        let target = try await target()
        let client = target.world.service.client
        let reply = try await target.get("http://\(host.replacing("%HOST", with: client.host))\(target.path)")
        #expect([200, 400, 404].contains(reply.status), "\(reply.summary)")
        if reply.status == 200 { #expect(reply.body == Sample.wav()) }
    }

    @Test("fifteen hundred tokens of noise: 403 each, and the service is well")
    func noise() async throws {
        let target = try await target()
        let connection = try await RawConnection.open(port: target.world.service.port)
        for seed in 0..<1_500 {
            let bytes = Sample.noise(seed % 120 + 1, seed: UInt32(seed + 1))
            // The version byte in front of every third, so that some get past the first look.
            let text = LinkToken.encode(seed % 3 == 0 ? Array(target.token.bytes.prefix(6)) + bytes : bytes)
            try await connection.send(target.world.service.client.head("GET", "/o/" + text))
            #expect(try await connection.read().status == 403, "\(text)")
        }
        #expect(try await target.get(target.path).status == 200)
    }
}
