import CustodeTesting
import Foundation
import Testing

@Suite("Errors and what surrounds the objects", .serialized)
struct ErrorTests {
    @Test(
        "an unknown path is 404 in the usual shape",
        arguments: ["/", "/nope", "/v1", "/v1/jobs", "/v2/jobs/x/input", "/metrics"])
    func unknownPath(path: String) async throws {
        let world = try await World.shared()
        let reply = try await world.send("GET", path)
        expectProblem(reply, 404)
    }

    @Test(
        "a method a path does not know is 405 and lists those it knows",
        arguments: [
            ("POST", "/v1/jobs/%/input", ["GET", "HEAD", "PUT", "DELETE"]),
            ("PUT", "/v1/jobs/%/objects", ["GET"]),
            ("GET", "/v1/jobs/%/links", ["POST", "DELETE"]), ("GET", "/v1/links", ["POST"]),
            ("DELETE", "/openapi.json", ["GET"]), ("POST", "/docs", ["GET", "HEAD"]),
            ("POST", "/o/token/name", ["GET", "HEAD"]),
            ("GET", "/u/token", ["PUT"]),
            ("BREW", "/v1/jobs/%/input", ["GET"]),
        ])
    func wrongMethod(method: String, path: String, allowed: [String]) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let reply = try await world.send(method, path.replacing("%", with: job.id))
        // A verb nobody knows may end in the parser.
        if method == "BREW" && reply.status == 400 { return }
        expectProblem(reply, 405)
        let list = (reply.header("Allow") ?? "").split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        #expect(Set(allowed).isSubset(of: list), "\(list)")
        #expect(!list.contains(method))
    }

    @Test("a target of 16 KB is 414")
    func longTarget() async throws {
        let world = try await World.shared()
        let reply = try await world.send(
            "GET", "/v1/jobs/" + String(repeating: "a", count: 16_384) + "/input")
        #expect(reply.status == 414, "\(reply.status)")
    }

    @Test("headers of 256 KB are 431, or the connection is closed on them")
    func longHeaders() async throws {
        let world = try await World.shared()
        let connection = try await RawConnection.open(port: world.service.port)
        let large = (0..<64).map { "X-Filler-\($0): \(String(repeating: "x", count: 4_000))\r\n" }.joined()
        try await connection.send("GET / HTTP/1.1\r\nHost: a\r\n\(large)\r\n")
        let reply = try? await connection.read()
        #expect(reply == nil || reply?.status == 431, "\(reply?.status ?? 0)")
        #expect(try await connection.isClosed(within: .seconds(10)))
    }

    @Test(
        "a request that is not HTTP/1.1 is 400, and closes",
        arguments: [
            "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "NONSENSE\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nBad Name: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nName : x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n", "GET / HTTP/9.9\r\nHost: a\r\n\r\n",
            "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        ])
    func notHTTP(request: String) async throws {
        let world = try await World.shared()
        let reply = try await world.service.client.raw(Array(request.utf8))
        #expect([400, 505].contains(reply.status), "\(reply.summary)")
    }

    @Test("every reply carries a request id of its own")
    func requestIDs() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        var ids: [String] = []
        for (method, path) in [
            ("GET", job.path("input")), ("HEAD", job.path("input")), ("GET", job.path("transcript")),
            ("GET", job.path("objects")), ("GET", "/nope"), ("DELETE", job.path("input")), ("GET", "/o/x"),
            ("GET", "/openapi.json"),
        ] {
            let reply = try await world.send(method, path)
            let id = try #require(reply.header("X-Request-Id"), "\(method) \(path): \(reply.summary)")
            #expect(!id.isEmpty)
            ids.append(id)
        }
        #expect(Set(ids).count == ids.count)
    }

    @Test("a refusal of HEAD has no body")
    func head() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let connection = try await RawConnection.open(port: world.service.port)
        for path in [job.path("input"), "/nope", "/o/x"] {
            try await connection.send(
                world.service.client.head("HEAD", path, headers: world.credentials(of: .alice)))
            let reply = try await connection.read(to: "HEAD")
            #expect([403, 404].contains(reply.status))
        }
        try await connection.send(
            world.service.client.head("GET", job.path("objects"), headers: world.credentials(of: .alice)))
        #expect(try await connection.read().status == 200, "nothing stood between the replies")
    }

    @Test("the admin listener tells health and metrics; the public one does not")
    func admin() async throws {
        let world = try await World.shared()
        for path in ["/healthz", "/readyz", "/metrics"] {
            let reply = try await world.service.admin.request("GET", path)
            #expect(reply.status == 200, "\(reply.summary)")
            #expect(try await world.send("GET", path).status == 404)
        }
        let metrics = try await world.service.admin.request("GET", "/metrics")
        #expect(metrics.header("Content-Type")?.hasPrefix("text/plain") == true)
        #expect(metrics.text.contains("# TYPE"))
        let job = try await world.jobWithInput()
        #expect(try await world.service.admin.request("GET", job.path("input")).status == 404)
    }

    @Test("no key, secret, password or token gets into a reply, a log line or a metric")
    func secrets() async throws {
        let world = try await World.start(settings: ["CUSTODE_LOG_LEVEL": "trace"])
        let job = try await world.jobWithInput()
        let targets = [
            try await world.link("input", of: job), try await world.link("input", of: job, ["once": true]),
            try await world.link("input", of: job, ["ttl_seconds": 1]),
            try await world.link("transcript", of: job, ["operation": "upload"]),
        ]
        let tokens = try targets.map { try #require(LinkToken(target: $0)) }
        var replies: [RawResponse] = []
        for (target, token) in zip(targets, tokens) {
            let damaged = "/o/" + token.flipping(bit: 77)
            for path in [
                target, damaged, "/u/" + token.text, target + "?token=" + token.text, "/nope/" + token.text,
            ] {
                for method in ["GET", "PUT", "DELETE"] {
                    replies.append(
                        try await world.send(
                            method, path, as: .stranger, headers: ["Referer": "http://x" + target],
                            body: method == "PUT" ? .bytes(Sample.text()) : .none))
                }
            }
            let headers: HeaderList = ["Authorization": "Bearer " + token.text, "Custode-User": world.alice]
            replies.append(try await world.send("GET", job.path("input"), as: .stranger, headers: headers))
        }
        let wrong = "Bearer " + world.bothKey.text + "x"
        replies.append(
            try await world.send(
                "GET", job.path("input"), as: .stranger,
                headers: ["Authorization": wrong, "Custode-User": world.alice]))
        replies.append(try await world.send("DELETE", job.path("links")))
        replies.append(try await world.send("GET", targets[0], as: .stranger))
        let metrics = try await world.service.admin.request("GET", "/metrics").text
        try await world.close()
        let log = world.service.log
        #expect(log.contains(job.id), "the log speaks of what happened")
        let secrets =
            [world.bothKey, world.delegateKey, world.workerKey].flatMap { key in
                [key.text, String(key.text.dropFirst(key.id.utf8.count + 5))]
            } + tokens.map(\.text) + tokens.map { String($0.text.suffix(20)) }
            + tokens.map { $0.flipping(bit: 77) }
            + [PrivatePostgres.password]
        for secret in secrets {
            #expect(!log.contains(secret))
            #expect(!metrics.contains(secret))
            for reply in replies { #expect(!reply.summary.contains(secret), "\(reply.status)") }
        }
        for word in ["select ", "SELECT ", "pg_", "Sources/", ".swift:"] {
            for reply in replies where reply.status >= 400 {
                #expect(!reply.text.contains(word), "\(reply.text)")
            }
        }
    }
}
