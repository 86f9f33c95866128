import CustodeTesting
import Foundation
import Testing

@Suite("Every route with every credential")
struct RouteGrantTests {
    /// What a request can come with.
    enum Credential: String, CaseIterable {
        case none, unknown, nobodysKey, delegateKey, artifactsKey, bothKeys, userToken, othersToken, othersKey,
            downloadLink, uploadLink
    }

    /// One call on a job of alice's that has an input and a transcript, or on an upload of alice's.
    struct Call: Sendable, CustomTestStringConvertible {
        let method: String
        /// The route as the description of the API has it.
        let route: String
        /// `{object}`, and the object that a link or upload is for.
        var object = "input"
        var operation = "download"
        /// The statuses, in the order of ``Credential``.
        let statuses: [Int]
        var testDescription: String { "\(method) \(route) \(object) \(operation)" }
    }

    // none, unknown, nobody's, delegate, artifacts, both, token, other's token, other's key, download link, upload link
    private static let calls: [Call] = {
        let object = "/v1/jobs/{job}/{object}"
        let tus = "/v1/uploads/{upload}"
        var calls = [
            Call(method: "PUT", route: object, statuses: [401, 401, 403, 201, 403, 201, 201, 404, 404, 401, 401]),
            Call(
                method: "PUT", route: object, object: "transcript",
                statuses: [401, 401, 403, 403, 201, 201, 403, 403, 404, 401, 401]),
            Call(method: "DELETE", route: object, statuses: [401, 401, 403, 204, 403, 204, 204, 404, 404, 401, 401]),
            Call(
                method: "DELETE", route: object, object: "transcript",
                statuses: [401, 401, 403, 204, 403, 204, 204, 404, 404, 401, 401]),
            Call(
                method: "POST", route: "/v1/jobs/{job}/links",
                statuses: [401, 401, 403, 201, 403, 201, 201, 404, 404, 401, 401]),
            Call(
                method: "POST", route: "/v1/jobs/{job}/links", operation: "upload",
                statuses: [401, 401, 403, 201, 403, 201, 201, 404, 404, 401, 401]),
            Call(
                method: "POST", route: "/v1/jobs/{job}/links", object: "transcript", operation: "upload",
                statuses: [401, 401, 403, 403, 403, 201, 403, 403, 404, 401, 401]),
            Call(
                method: "DELETE", route: "/v1/jobs/{job}/links",
                statuses: [401, 401, 403, 204, 403, 204, 204, 404, 404, 401, 401]),
            // In a batch each has its answer in the body.
            Call(
                method: "POST", route: "/v1/links", statuses: [401, 401, 403, 200, 403, 200, 200, 200, 200, 401, 401]),
            // An upload link stands for its holder here, but for its own job and object alone.
            Call(
                method: "POST", route: "/v1/uploads",
                statuses: [401, 401, 403, 201, 403, 201, 201, 404, 404, 401, 201]),
            Call(
                method: "POST", route: "/v1/uploads", object: "transcript",
                statuses: [401, 401, 403, 403, 201, 201, 403, 403, 404, 401, 403]),
            // An upload is its creator's; another credential of the same user shares it if it could have begun it.
            Call(method: "PATCH", route: tus, statuses: [401, 401, 403, 404, 204, 204, 404, 404, 404, 401, 404]),
            Call(method: "DELETE", route: tus, statuses: [401, 401, 403, 404, 204, 204, 404, 404, 404, 401, 404]),
        ]
        for method in ["GET", "HEAD"] {
            for name in ["input", "transcript"] {
                calls.append(
                    Call(
                        method: method, route: object, object: name,
                        statuses: [401, 401, 403, 200, 200, 200, 200, 404, 404, 401, 401]))
            }
            calls.append(
                Call(
                    method: method, route: "/v1/jobs/{job}/objects",
                    statuses: [401, 401, 403, 200, 403, 200, 200, 404, 404, 401, 401]))
            calls.append(
                Call(method: method, route: tus, statuses: [401, 401, 403, 404, 200, 200, 404, 404, 404, 401, 404]))
        }
        return calls
    }()

    /// Routes whose authority is in their path, or that need none: what is sent along changes nothing.
    private static let open = [
        "/o/{token}/{name}", "/u/{token}", "/u/{token}/{upload}", "/openapi.json", "/docs",
    ]

    private static let tokens = Once { try await TokenWorld.start() }

    private static func headers(
        _ credential: Credential, _ tokens: TokenWorld, _ links: (download: String, upload: String)
    ) async throws -> HeaderList {
        let world = tokens.world
        let bearer = { (text: String) -> HeaderList in ["Authorization": "Bearer \(text)"] }
        switch credential {
        case .none: return [:]
        case .unknown: return bearer("cus_both_" + String(repeating: "0", count: 32)) + ["Custode-User": world.alice]
        case .nobodysKey: return world.credentials(of: .nobody)
        case .delegateKey: return world.credentials(of: .delegate(world.alice))
        case .artifactsKey: return world.credentials(of: .worker(world.alice))
        case .bothKeys: return world.credentials(of: .alice)
        case .userToken: return bearer(try await tokens.issuer.token(world.alice))
        case .othersToken: return bearer(try await tokens.issuer.token(world.bob))
        case .othersKey: return world.credentials(of: .bob)
        case .downloadLink: return bearer(links.download)
        case .uploadLink: return bearer(links.upload)
        }
    }

    @Test("routes × credentials: each cell has its status, and no other", arguments: calls)
    func cells(call: Call) async throws {
        let tokens = try await Self.tokens.value()
        let world = tokens.world
        for (credential, status) in zip(Credential.allCases, call.statuses) {
            let job = try await world.newJob()
            // What is to be written is not there yet.
            let writes = call.method == "PUT" || call.route == "/v1/uploads" || call.operation == "upload"
            if !writes || call.object != "input" { _ = try await world.store("input", of: job, Sample.wav()) }
            if !writes || call.object != "transcript" {
                _ = try await world.store("transcript", of: job, Sample.text())
            }
            let other = try await world.jobWithInput()
            let upload =
                call.object == "input" && writes
                ? try await world.link("input", of: job, ["operation": "upload"])
                : try await world.link("json", of: job, ["operation": "upload"])
            let links = (
                try #require(try await world.link("input", of: other).split(separator: "/").dropFirst().first),
                try #require(upload.split(separator: "/").last)
            )
            let headers = try await Self.headers(credential, tokens, (String(links.0), String(links.1)))
            let reply = try await Self.send(call, job, headers, world)
            #expect(reply.status == status, "\(call) with \(credential): \(reply.summary)")
            if reply.status >= 400 { expectProblemOrEmpty(reply, call.method) }
            if call.route == "/v1/links", status == 200 {
                let isOthers = credential == .othersKey || credential == .othersToken
                #expect((reply.json["links"][0]["problem"]["status"].int == 404) == isOthers)
            }
            guard !(200..<300).contains(status) || call.method == "GET" || call.method == "HEAD" else { continue }
            try await Self.expectUntouched(call, job, writes, world)
        }
    }

    private func expectProblemOrEmpty(_ reply: RawResponse, _ method: String) {
        if method == "HEAD" { #expect(reply.body.isEmpty) } else { expectProblem(reply, reply.status) }
    }

    /// Expects the job as it was before a call that may do nothing to it.
    private static func expectUntouched(_ call: Call, _ job: TestJob, _ writes: Bool, _ world: World) async throws {
        let names = ["input", "transcript"].filter { !writes || $0 != call.object }
        let objects = try await world.send("GET", "/v1/jobs/\(job.id)/objects").json["objects"].array
        #expect(Set(objects.compactMap { $0["object"].string }) == Set(names), "\(call)")
    }

    private static func send(
        _ call: Call, _ job: TestJob, _ credentials: HeaderList, _ world: World
    ) async throws -> RawResponse {
        var target = call.route.replacing("{job}", with: job.id).replacing("{object}", with: call.object)
        var headers = credentials
        var body = RequestBody.none
        let metadata =
            "job \(Data(job.id.utf8).base64EncodedString()),object \(Data(call.object.utf8).base64EncodedString())"
        let tus: HeaderList = ["Tus-Resumable": "1.0.0"]
        switch (call.method, call.route) {
        case ("PUT", _): body = .bytes(call.object == "input" ? Sample.wav() : Sample.text())
        case ("POST", "/v1/jobs/{job}/links"):
            body = .json(["object": .string(call.object), "operation": .string(call.operation)])
        case ("POST", "/v1/links"):
            body = .json(["links": [["job_id": .string(job.id), "object": .string(call.object)]]])
        case ("POST", "/v1/uploads"):
            headers = headers + tus + ["Upload-Length": "10", "Upload-Metadata": metadata]
        case (_, "/v1/uploads/{upload}"):
            let fresh = try await world.newJob()
            let created = try await world.send(
                "POST", "/v1/uploads",
                headers: tus + [
                    "Upload-Length": "100",
                    "Upload-Metadata":
                        "job \(Data(fresh.id.utf8).base64EncodedString()),object \(Data("json".utf8).base64EncodedString())",
                ])
            target = try World.target(of: try #require(created.header("Location"), "\(created.summary)"))
            headers = headers + tus
            if call.method == "PATCH" {
                headers = headers + ["Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"]
                body = .bytes(Array(#"{"a": 1, "#.utf8))
            }
        default: break
        }
        return try await world.service.client.request(call.method, target, headers: headers, body: body)
    }

    @Test("no route is missing: what the service says of itself is what is walked here")
    func complete() async throws {
        let world = try await Self.tokens.value().world
        let paths = try await world.send("GET", "/openapi.json", as: .stranger).json["paths"]
        for path in paths.names where !Self.open.contains(path) {
            for method in paths[path].names where ["get", "head", "put", "post", "patch", "delete"].contains(method) {
                let isWalked = Self.calls.contains { $0.route == path && $0.method == method.uppercased() }
                #expect(isWalked, "\(method) \(path)")
            }
        }
        for path in Self.open { #expect(paths[path] != .null, "\(path)") }
    }

    @Test("a link's own routes take no notice of a credential that is sent along", arguments: Credential.allCases)
    func linksAlone(credential: Credential) async throws {
        let tokens = try await Self.tokens.value()
        let world = tokens.world
        let job = try await world.jobWithInput()
        let link = try await world.link("input", of: job)
        let upload = try await world.link("transcript", of: job, ["operation": "upload"])
        let names = (
            String(try #require(link.split(separator: "/").dropFirst().first)),
            String(try #require(upload.split(separator: "/").last))
        )
        let headers = try await Self.headers(credential, tokens, names)
        let client = world.service.client
        #expect(try await client.request("GET", link, headers: headers).body == Sample.wav())
        #expect(try await client.request("HEAD", link, headers: headers).status == 200)
        // Neither link becomes more by what comes with it.
        #expect(try await client.request("PUT", link, headers: headers, body: .bytes(Sample.wav())).status == 405)
        #expect(
            try await client.request("PUT", "/u/\(names.0)", headers: headers, body: .bytes(Sample.wav())).status == 403
        )
        #expect(try await client.request("GET", "/o/\(names.1)", headers: headers).status == 403)
        #expect(try await client.request("PUT", upload, headers: headers, body: .bytes(Sample.text())).status == 201)
    }
}
