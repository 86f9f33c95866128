import CustodeTesting
import Foundation
import Testing

@Suite("Jobs: made, listed, looked at, deleted")
struct JobTests {
    private static let world = Once { try await SaaSWorld.start() }

    @Test(
        "a job goes from its upload to its transcript, and is logged",
        arguments: ["transcription", "translation", "stream"])
    func whole(type: String) async throws {
        let world = try await Self.world.value()
        let made = try await world.send("POST", "/saas/jobs", json: ["type": .string(type), "filename": "talk.wav"])
        let job = made.json["job"]
        #expect(made.status == 201, "\(made.summary)")
        let id = try #require(job["id"].string)
        #expect(made.header("Location") == "/saas/jobs/\(id)")
        #expect(job["status"] == "queued" && job["has_input"] == false && job["type"] == .string(type))
        #expect(job["filename"] == "talk.wav" && job["credits"] == 1 && job["reason"] == .null)
        let upload = made.json["upload"]
        #expect(upload["url"].string?.hasSuffix("/u/" + (upload["token"].string ?? "?")) == true)
        #expect(upload["tus_url"].string == "http://127.0.0.1:\(world.custode.service.port)/v1/uploads")
        try await world.upload(to: upload)
        try await world.expect("done", of: id)

        let detail = try await world.detail(id, links: true).json
        let first = type == "translation" ? "translation" : "transcript"
        #expect(detail["job"]["status"] == "done" && detail["job"]["completed_at"].string?.hasSuffix("Z") == true)
        #expect(detail["upload"] == .null)
        let objects = Dictionary(uniqueKeysWithValues: detail["objects"].array.map { ($0["object"].string ?? "", $0) })
        #expect(Set(objects.keys).isSuperset(of: ["input", first]), "\(detail)")
        let link = try #require(objects[first]?["link"]["url"].string)
        let text = try await world.custode.send("GET", try World.target(of: link), as: .stranger)
        #expect(text.status == 200 && text.text.contains("2044"), "\(text.summary)")
        #expect(text.header("Content-Disposition")?.hasPrefix("attachment") == true)
        #expect(try await world.detail(id).json["objects"][0]["link"] == .null, "links are minted on request alone")
        let log = try await world.custode.database.sql(
            "select seconds, cost_usd > 0, user_id from usage_logs where job_id = '\(id)'")
        #expect(log == [["1", "t", world.custode.alice]])
    }

    @Test("what a technical endpoint gets: a link to the input, grants for the outputs of its type, no credential")
    func order() async throws {
        let world = try await SaaSWorld.start(mode: "ok")
        let id = try await world.jobWithInput()
        try await world.expect("done", of: id)
        let call = try #require(
            world.endpoint.calls.first { $0["body"]["job_id"].string == id || $0["job_id"].string == id })
        let text = call.description
        #expect(text.contains("\"attempt\":1") && text.contains("talk.wav") && text.contains("audio/"), "\(text)")
        for output in ["transcript", "srt", "json"] { #expect(text.contains("\"\(output)\""), "\(text)") }
        #expect(!text.contains(world.custode.bothKey.text) && !text.contains("Bearer"))
        try await world.close()
    }

    @Test("the list is the user's own, newest first, page by page, and stays so while jobs are added")
    func list() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_ALLOWANCE": "100"])
        var made: [String] = []
        for _ in 0..<25 { made.append(try await world.newJob().id) }
        _ = try await world.newJob(as: world.custode.bob)
        var seen: [String] = []
        var target = "/saas/jobs?limit=10"
        for page in 0..<3 {
            let reply = try await world.send("GET", target)
            #expect(reply.status == 200, "\(reply.summary)")
            seen += reply.json["jobs"].array.compactMap { $0["id"].string }
            _ = try await world.newJob()
            guard let next = reply.json["next"].string else {
                #expect(page == 2)
                break
            }
            target = "/saas/jobs?limit=10&cursor=\(next)"
        }
        #expect(seen == made.reversed())
        #expect(try await world.send("GET", "/saas/jobs").json["jobs"].array.count == 20)
        let bobs = try await world.send("GET", "/saas/jobs", as: world.custode.bob).json
        #expect(bobs["jobs"].array.count == 1 && bobs["next"] == .null)
        let beyond = Base64URLText.encode(Array("9223372036854775807 \(made[0])".utf8))
        for query in ["limit=0", "limit=101", "limit=x", "cursor=x", "cursor=MSAn", "cursor=", "cursor=" + beyond] {
            expectProblem(try await world.send("GET", "/saas/jobs?" + query), 400)
        }
        try await world.close()
    }

    @Test(
        "somebody else's job, one that never was and one of a wrong form are the same 404",
        arguments: ["GET", "DELETE"])
    func strangers(method: String) async throws {
        let world = try await Self.world.value()
        let id = try await world.newJob(as: world.custode.bob).id
        let wrong = [id, UUID().uuidString.lowercased(), "1", "'", "%00", "..%2F..", "%F0%9F%8E%B5"]
        var answers: Set<String> = []
        for id in wrong {
            let reply = try await world.send(method, "/saas/jobs/\(id)?links=true")
            expectProblem(reply, 404, "not-found")
            answers.insert(reply.text.replacing(reply.header("X-Request-Id") ?? "?", with: ""))
        }
        #expect(answers.count == 1)
        #expect(try await world.status(id) == "queued")
    }

    @Test("who is nobody, of another audience or late is 401; while the issuer cannot be asked, 503")
    func tokens() async throws {
        let world = try await SaaSWorld.start()
        let alice = world.custode.alice
        let bad = [
            "", "x", "a.b.c", world.custode.bothKey.text,
            try await world.issuer.token(alice, ["aud": "https://other.example"]),
            try await world.issuer.token(alice, ["iss": "https://other.example/"]),
            try await world.issuer.token(alice, ["exp": 1]),
            try await world.issuer.token(alice, ["nonce": "n"]),
            try await world.issuer.token(alice + "@clients"),
        ]
        for (method, target) in [
            ("GET", "/saas/jobs"), ("POST", "/saas/jobs"), ("GET", "/saas/account"), ("POST", "/saas/checkout"),
            ("DELETE", "/saas/jobs/1"),
        ] {
            for token in bad {
                let reply = try await world.send(method, target, token: token)
                expectProblem(reply, 401, "unauthorized")
                #expect(reply.header("WWW-Authenticate") == "Bearer")
            }
            let nobody = try await world.api.client.request(method, target)
            expectProblem(nobody, 401, "unauthorized")
        }
        // Of a user that the tables cannot hold.
        expectProblem(
            try await world.send("POST", "/saas/jobs", as: "no-uuid", json: ["type": "stream", "filename": "a"]), 403)
        #expect(try await world.count("jobs") == 0)
        try await world.api.stop()
        world.keySet.reply = .init("gone")
        try await world.api.start()
        expectProblem(try await world.send("GET", "/saas/jobs"), 503)
        try await world.close()
    }

    @Test("a user's id is one, however the token spells it; one that the tables cannot hold has no account")
    func spelling() async throws {
        let world = try await SaaSWorld.start()
        let loud = world.custode.alice.uppercased()
        let id = try await world.newJob(as: loud).id
        #expect(try await world.detail(id.uppercased()).json["job"]["id"].string == id)
        #expect(try await world.send("DELETE", "/saas/jobs/\(id.uppercased())", as: loud).status == 204)
        #expect(try await world.count("saas.accounts") == 1)
        #expect(try await world.balance() == 20)
        for target in ["/saas/jobs", "/saas/account", "/saas/jobs/\(id)"] {
            expectProblem(try await world.send("GET", target, as: "no-uuid"), 403, "unknown-user")
        }
        // Whose address another has already cannot be added.
        let taken = UUID().uuidString.lowercased()
        try await world.custode.database.sql("update users set email = '\(taken)' where id = '\(world.custode.bob)'")
        expectProblem(try await world.send("GET", "/saas/jobs", as: taken), 403, "unknown-user")
        #expect(try await world.count("saas.accounts") == 1)
        try await world.close()
    }

    @Test(
        "a bad order is told what is wrong, and costs nothing",
        arguments: [
            "", "{", "[]", "{\"type\":\"transcription\"}", "{\"type\":\"party\",\"filename\":\"a\"}",
            "{\"type\":\"stream\",\"filename\":\"\"}", "{\"type\":\"stream\",\"filename\":\"a\\u0000b\"}",
            "{\"type\":\"stream\",\"filename\":\"a\\r\\nb\"}", "{\"type\":1,\"filename\":\"a\"}",
        ])
    func badOrder(body: String) async throws {
        let world = try await Self.world.value()
        let user = UUID().uuidString.lowercased()
        let token = try await world.issuer.token(user)
        let reply = try await world.api.client.request(
            "POST", "/saas/jobs", headers: ["Authorization": "Bearer \(token)"], body: .text(body))
        expectProblem(reply, 400)
        #expect(try await world.count("saas.accounts where user_id = '\(user)'") == 0)
    }

    @Test("a long name and a large body are refused; an unknown path is 404, a wrong method 405 or 404")
    func limits() async throws {
        let world = try await Self.world.value()
        let name = String(repeating: "ä", count: 128)
        expectProblem(
            try await world.send("POST", "/saas/jobs", json: ["type": "stream", "filename": .string(name)]), 400)
        let large = String(repeating: "a", count: 20_000)
        expectProblem(
            try await world.send("POST", "/saas/jobs", json: ["type": "stream", "filename": .string(large)]), 413)
        expectProblem(try await world.send("GET", "/saas/nothing"), 404)
        #expect([404, 405].contains(try await world.send("PUT", "/saas/jobs").status))
    }

    @Test("while the storage is away a job is 503, costs nothing and is not there")
    func away() async throws {
        let world = try await SaaSWorld.start(settings: ["SAAS_ALLOWANCE": "5"])
        try await world.custode.service.kill9()
        let reply = try await world.send("POST", "/saas/jobs", json: ["type": "stream", "filename": "a.wav"])
        expectProblem(reply, 503, "away")
        #expect(reply.header("Retry-After") != nil)
        #expect(try await world.count("jobs") == 0)
        #expect(try await world.balance() == 5)
        try await world.custode.service.start()
        _ = try await world.newJob()
        #expect(try await world.balance() == 4)
        try await world.close()
    }

    @Test("a deleted job is gone at once, with its links and, after the delays, its bytes")
    func delete() async throws {
        let world = try await SaaSWorld.start(custode: [
            "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "1s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms",
        ])
        let id = try await world.jobWithInput()
        try await world.expect("done", of: id)
        let objects = try await world.detail(id, links: true).json["objects"].array
        let links = try objects.map { try World.target(of: $0["link"]["url"].string ?? "") }
        #expect(links.count == 3)
        let keys = try await world.custode.references().map(\.key)
        #expect(keys.count == 3 && keys.allSatisfy { world.custode.stored($0) != nil })
        #expect(try await world.send("DELETE", "/saas/jobs/\(id)").status == 204)
        expectProblem(try await world.detail(id), 404)
        expectProblem(try await world.send("DELETE", "/saas/jobs/\(id)"), 404)
        #expect(try await world.send("GET", "/saas/jobs").json["jobs"].array.isEmpty)
        for link in links { #expect(try await world.custode.send("GET", link, as: .stranger).status == 404) }
        #expect(try await eventually(within: .seconds(30)) { keys.allSatisfy { world.custode.stored($0) == nil } })
        #expect(try await world.count("usage_logs where job_id is null") == 1, "what was done stays in the log")
        try await world.close()
    }

    @Test("deletion in the middle of an upload: the upload ends, and its bytes go")
    func deleteInUpload() async throws {
        let world = try await SaaSWorld.start(custode: [
            "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "1s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms",
            "CUSTODE_POLICY_UPLOADS_EXPIRES": "2s",
        ])
        let job = try await world.newJob()
        let bytes = Sample.wav(samples: 100_000)
        let fields: HeaderList = [
            "Tus-Resumable": "1.0.0", "Authorization": "Bearer \(job.upload["token"].string ?? "")",
        ]
        let client = world.custode.service.client
        let begun = try await client.request(
            "POST", "/v1/uploads", headers: fields + ["Upload-Length": "\(bytes.count)"])
        let place = try World.target(of: try #require(begun.header("Location")))
        let append = { (offset: Int, part: ArraySlice<UInt8>) in
            try await client.request(
                "PATCH", place,
                headers: fields + ["Upload-Offset": "\(offset)", "Content-Type": "application/offset+octet-stream"],
                body: .bytes(Array(part)))
        }
        #expect(try await append(0, bytes[..<50_000]).status == 204)
        #expect(try await world.send("DELETE", "/saas/jobs/\(job.id)").status == 204)
        #expect([404, 410].contains(try await append(50_000, bytes[50_000...]).status))
        #expect(try await world.balance() == 20, "what nothing was done for is given back")
        #expect(try await world.count("custode.objects") == 0)
        try await world.close()
    }

    @Test("ids of every type of the SaaS's tables", arguments: [IDKind.uuid, .bigint, .text])
    func ids(kind: IDKind) async throws {
        let world = try await SaaSWorld.start(ids: kind)
        let id = try await world.jobWithInput()
        try await world.expect("done", of: id)
        #expect(try await world.send("GET", "/saas/jobs?limit=1").json["jobs"][0]["id"].string == id)
        #expect(try await world.send("DELETE", "/saas/jobs/\(id)").status == 204)
        // Whoever signs in for the first time is known from then on.
        if kind == .text {
            _ = try await world.newJob(as: "auth0|new/../one")
            #expect(try await world.count("users where id = 'auth0|new/../one'") == 1)
        }
        try await world.close()
    }
}
