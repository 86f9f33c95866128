import CustodeTesting
import Foundation
import Testing

@Suite("Ownership: whose job it is, and what a key may do", .serialized)
struct OwnershipTests {
    /// A request on a job or object that must not tell what is there.
    struct Wish: Sendable, CustomTestStringConvertible {
        let method: String
        let object: String
        var body: RequestBody = .none
        var headers: HeaderList = [:]
        var testDescription: String { "\(method) \(object)" }
    }

    private static let wishes = [
        Wish(method: "GET", object: "input"), Wish(method: "HEAD", object: "transcript"),
        Wish(method: "PUT", object: "input", body: .bytes(Sample.wav())),
        Wish(method: "PUT", object: "transcript", body: .bytes(Sample.text())),
        Wish(method: "DELETE", object: "input"), Wish(method: "GET", object: "objects"),
        Wish(
            method: "POST", object: "links", body: .json(["object": "input", "operation": "download"]),
            headers: ["Content-Type": "application/json"]),
        Wish(method: "DELETE", object: "links"),
    ]

    @Test(
        "a missing job, one of a wrong form, somebody else's and a deleted one are the same 404",
        arguments: wishes)
    func same(wish: Wish) async throws {
        let world = try await World.shared()
        let bobs = try await world.newJob(for: world.bob)
        _ = try await world.store("input", of: bobs, Sample.wav())
        _ = try await world.store("transcript", of: bobs, Sample.text())
        let deleted = try await world.jobWithInput()
        try await world.deleteJob(deleted)
        let ids = [
            UUID().uuidString.lowercased(), bobs.id, deleted.id, "not-a-uuid", "1", "-1",
            "999999999999999999999999",
            "%27%20or%201=1--", "%F0%9F%98%80", "{\(bobs.id)}", bobs.id + "0",
            String(repeating: "a", count: 500),
        ]
        var answers: [String: String] = [:]
        for id in ids {
            let reply = try await world.send(
                wish.method, "/v1/jobs/\(id)/\(wish.object)", headers: wish.headers, body: wish.body)
            #expect(reply.status == 404, "\(id): \(reply.summary)")
            answers[id] = impersonal(reply)
        }
        for id in ids { #expect(answers[id] == answers[ids[0]], "\(id)") }
        #expect(try await world.get("input", of: bobs).body == Sample.wav(), "bob's object is untouched")
    }

    @Test("an unknown object of one's own job is that same 404", arguments: ["GET", "PUT", "DELETE", "HEAD"])
    func unknownObject(method: String) async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let body: RequestBody = method == "PUT" ? .bytes(Sample.text()) : .none
        let missing = try await world.send(
            method, "/v1/jobs/\(UUID().uuidString.lowercased())/input", body: body)
        for object in [
            "secrets", "Input", "input.wav", "transcripts", "%69nput%00", "original.wav", "%2e%2e",
        ] {
            let reply = try await world.send(method, job.path(object), body: body)
            #expect(reply.status == 404, "\(object): \(reply.summary)")
            #expect(impersonal(reply) == impersonal(missing), "\(object)")
        }
    }

    @Test("a user nobody knows owns nothing: 404")
    func unknownUser() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        for user in [UUID().uuidString, "nobody", "' or ''='"] {
            expectProblem(try await world.send("GET", job.path("input"), as: .user(user)), 404)
        }
    }

    enum Grant: String, Sendable, CaseIterable { case delegate, artifacts, both }

    @Test(
        "what each grant allows",
        arguments: [
            ("GET", "input", 200, 200), ("HEAD", "input", 200, 200), ("GET", "transcript", 200, 200),
            ("PUT", "input", 409, 403), ("PUT", "transcript", 403, 409), ("PUT", "json", 403, 201),
            ("DELETE", "json", 204, 403), ("DELETE", "input", 204, 403), ("GET", "objects", 200, -1),
            ("POST", "links", 201, 403), ("DELETE", "links", 204, 403),
        ])
    func grants(method: String, object: String, delegate: Int, artifacts: Int) async throws {
        let world = try await World.shared()
        for (caller, status) in [
            (Caller.delegate(world.alice), delegate), (.worker(world.alice), artifacts),
        ] where status > 0 {
            let job = try await world.jobWithInput()
            _ = try await world.store("transcript", of: job, Sample.text())
            if method == "DELETE" && object == "json" {
                _ = try await world.store("json", of: job, Array("{}".utf8))
            }
            let body: RequestBody =
                switch (method, object) {
                case ("POST", _): .json(["object": "input"])
                case ("PUT", "input"): .bytes(Sample.wav())
                case ("PUT", "json"): .text("{}")
                case ("PUT", _): .bytes(Sample.text())
                default: .none
                }
            let headers: HeaderList = method == "POST" ? ["Content-Type": "application/json"] : [:]
            let reply = try await world.send(
                method, job.path(object), as: caller, headers: headers, body: body)
            #expect(reply.status == status, "\(caller): \(reply.summary)")
            if status == 403 { expectProblem(reply, 403) }
        }
    }

    @Test("a worker's key may not mint links in bulk, and reaches the jobs of its user only")
    func worker() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let links: JSON = ["links": [["job_id": .string(job.id), "object": "input"]]]
        let bulk = try await world.send(
            "POST", "/v1/links", as: .worker(world.alice), headers: ["Content-Type": "application/json"],
            body: .json(links))
        expectProblem(bulk, 403)
        let other = try await world.send(
            "PUT", job.path("transcript"), as: .worker(world.bob), body: .bytes(Sample.text()))
        expectProblem(other, 404)
    }

    @Test("a key without a user is 403 on every path of a user")
    func noUser() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        for wish in Self.wishes {
            let reply = try await world.send(
                wish.method, job.path(wish.object), as: .nobody, headers: wish.headers, body: wish.body)
            #expect(reply.status == 403, "\(wish.testDescription): \(reply.summary)")
        }
    }

    @Test(
        "no credential, an unknown one and a malformed one are 401",
        arguments: [
            nil, "Bearer", "Bearer ", "Bearer cus_both_", "Bearer cus_both_wrong",
            "Bearer cus_nobody_0123456789abcdef",
            "Bearer cus__x", "Basic dXNlcjpwYXNz", "Bearer %HASH", "%KEY", "Bearer %KEYx", "Bearer x%KEY",
            "Bearer %UPPER", "Bearer " + String(repeating: "a", count: 7_000),
        ] as [String?])
    func unauthorized(value: String?) async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let key = world.bothKey.text
        let filled = value?.replacing("%HASH", with: SHA256.hex(Array(key.utf8)))
            .replacing("%KEY", with: key).replacing("%UPPER", with: key.uppercased())
        let credential: HeaderList = if let filled { ["Authorization": filled] } else { [:] }
        let reply = try await world.send(
            "GET", job.path("input"), as: .stranger, headers: credential + ["Custode-User": world.alice])
        expectProblem(reply, 401)
        #expect(reply.header("WWW-Authenticate")?.hasPrefix("Bearer") == true)
    }

    @Test(
        "a user id with control characters is 400", arguments: [[0x01], [0x09], [0x1b], [0x7f]] as [[UInt8]])
    func controls(bytes: [UInt8]) async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let user = "a" + String(decoding: bytes, as: UTF8.self) + "b"
        #expect(try await world.send("GET", job.path("input"), as: .user(user)).status == 400)
    }

    @Test("two users, or two credentials, in one request are refused")
    func doubled() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let twoUsers = try await world.send("GET", job.path("input"), headers: ["Custode-User": world.bob])
        #expect([400, 403].contains(twoUsers.status), "\(twoUsers.summary)")
        let bearer = "Bearer " + world.workerKey.text
        let twoKeys = try await world.send("GET", job.path("input"), headers: ["Authorization": bearer])
        #expect([400, 401].contains(twoKeys.status), "\(twoKeys.summary)")
    }

    @Test(
        "any user id is a folder of its own, under the one encoding, and stays beneath the root",
        arguments: [
            "auth0|5f7c8ec7c33c6c004bbafe82", "a/b", "..", ".", "../../etc", "...", "😀", "naïve", "UPPER",
            "upper",
            "a b", "a%2fb", "=7c", "|", "a=2fb", "\"quoted\"", "a\\b", "~", ".custode", ".trash", "-",
            "users",
        ])
    func encoded(user: String) async throws {
        let world = try await World.sharedWithTextIDs()
        try await world.addUser(id: user)
        let job = try await world.newJob(for: user)
        let object = try await world.store("transcript", of: job, Sample.text())
        let key = "users/\(World.encode(user))/jobs/\(job.id)/output/transcript.txt"
        #expect(object["key"].string == key)
        #expect(try await world.reference("transcript", of: job) == key)
        #expect(world.stored(key) == Sample.text())
        #expect(try await world.get("transcript", of: job).body == Sample.text())
    }

    @Test("an id whose encoding is longer than 200 bytes is 400, one of 200 is taken")
    func longID() async throws {
        let world = try await World.sharedWithTextIDs()
        for (user, status) in [
            (String(repeating: "a", count: 200), 201), (String(repeating: "b", count: 201), 400),
            (String(repeating: "😀", count: 17), 400), (String(repeating: "|", count: 66) + "ab", 201),
        ] {
            try await world.addUser(id: user)
            let job = try await world.newJob(for: user)
            let reply = try await world.put("transcript", of: job, Sample.text())
            #expect(reply.status == status, "\(user): \(reply.summary)")
        }
    }

    @Test(
        "a job's id of any text is reached percent-encoded, and is encoded in the key",
        arguments: ["Job|1", "job 2", "j😀b"])
    func textJobID(id: String) async throws {
        let world = try await World.sharedWithTextIDs()
        try await world.database.sql(
            "insert into jobs (id, user_id, type) values ('\(id)', '\(world.alice)', 'stream')")
        let encoded = id.utf8.map { byte in
            let letter = UnicodeScalar(byte)
            return letter.properties.isAlphabetic && byte < 0x80
                ? String(letter) : String(format: "%%%02X", byte)
        }.joined()
        let path = "/v1/jobs/\(encoded)/transcript"
        let made = try await world.send("PUT", path, body: .bytes(Sample.text()))
        #expect(made.status == 201, "\(made.summary)")
        #expect(made.json["job_id"].string == id)
        #expect(made.json["key"].string == World.key(user: world.alice, job: id, "output/transcript.txt"))
        #expect(try await world.send("GET", path).body == Sample.text())
    }
}
