import CustodeTesting
import Foundation
import Synchronization
import Testing

/// The whole SaaS on this machine: Custode, its database and bucket, an issuer, a technical endpoint, `saas-api`.
struct SaaSWorld: Sendable {
    static let webhookSecret = "whsec_test"
    static let stripeKey = "sk_test_key"

    let custode: World
    let issuer: TokenIssuer
    let keySet: KeySetServer
    let endpoint: StandIn
    let api: SaaSProcess

    private static let key = Once { try await SigningKeyFile.make() }

    /// Starts one of a test's own.
    ///
    /// - Parameters:
    ///   - mode: How the technical endpoint behaves.
    ///   - delay: How many seconds it works.
    ///   - seconds: How much media it says there was.
    static func start(
        ids: IDKind = .uuid, mode: String = "ok", delay: String = "0", settings: [String: String] = [:],
        custode custodeSettings: [String: String] = [:], cluster: PrivatePostgres? = nil,
        seconds: String? = nil
    ) async throws -> SaaSWorld {
        let custode = try await World.start(
            ids: ids, settings: World.collecting.merging(custodeSettings) { $1 }, cluster: cluster)
        let issuer = TokenIssuer(keyID: "first", key: try await key.value())
        let keySet = try await KeySetServer.start(.keys([issuer.key.jwk(issuer.keyID)]))
        let endpoint = try await StandIn.start(
            "transcriber", ["--mode", mode, "--delay", delay] + (seconds.map { ["--seconds", $0] } ?? []))
        let defaults = [
            "SAAS_DATABASE_URL": custode.database.uri, "SAAS_CUSTODE_URL": "http://127.0.0.1:\(custode.service.port)",
            "SAAS_CUSTODE_KEY": custode.bothKey.text, "SAAS_AUTH0_ISSUER": issuer.issuer,
            "SAAS_AUTH0_AUDIENCE": issuer.audience, "SAAS_AUTH0_CLIENT_ID": "page", "SAAS_AUTH0_JWKS_URL": keySet.url,
            "SAAS_TRANSCRIPTION_URL": endpoint.url, "SAAS_TRANSLATION_URL": endpoint.url,
            "SAAS_STREAM_URL": endpoint.url, "SAAS_CALL_RETRY": "100ms", "SAAS_CALL_ATTEMPTS": "3",
            "SAAS_PACKS": "100=price_a,500=price_b", "SAAS_STRIPE_KEY": stripeKey,
            "SAAS_STRIPE_WEBHOOK_SECRET": webhookSecret,
        ]
        let api = try SaaSProcess(settings: defaults.merging(settings) { $1 })
        let installed = try await api.run("schema", "install")
        guard installed.status == 0 else { throw HarnessError("schema install: \(installed.errors)") }
        try await api.start()
        return SaaSWorld(custode: custode, issuer: issuer, keySet: keySet, endpoint: endpoint, api: api)
    }

    /// Another process before the same database.
    func replica() async throws -> SaaSProcess {
        let other = try SaaSProcess(settings: api.settings.filter { $0.key != "SAAS_LISTEN" })
        try await other.start()
        return other
    }

    func close() async throws {
        try await api.stop()
        endpoint.stop()
        try await custode.close()
    }

    // MARK: Calls

    /// Sends one request with a token of a user's, alice's unless said otherwise.
    func send(
        _ method: String, _ target: String, as user: String? = nil, json: JSON? = nil, port: UInt16? = nil
    ) async throws -> RawResponse {
        let token = try await issuer.token(user ?? custode.alice)
        return try await send(method, target, token: token, json: json, port: port)
    }

    /// The same with a token that was made before.
    func send(
        _ method: String, _ target: String, token: String, json: JSON? = nil, port: UInt16? = nil
    ) async throws -> RawResponse {
        try await RawClient(port: port ?? api.port).request(
            method, target, headers: ["Authorization": "Bearer \(token)", "Content-Type": "application/json"],
            body: json.map(RequestBody.json) ?? .none)
    }

    /// A job that must be made.
    func newJob(
        _ type: String = "transcription", filename: String = "talk.wav", as user: String? = nil
    ) async throws -> (id: String, upload: JSON) {
        let reply = try await send(
            "POST", "/saas/jobs", as: user, json: ["type": .string(type), "filename": .string(filename)])
        guard reply.status == 201, let id = reply.json["job"]["id"].string else {
            throw HarnessError("no job: \(reply.summary)")
        }
        return (id, reply.json["upload"])
    }

    /// Sends a job's input by its link.
    func upload(_ bytes: [UInt8] = Sample.wav(), to upload: JSON) async throws {
        let target = try World.target(of: upload["url"].string ?? "")
        let reply = try await custode.send("PUT", target, as: .stranger, body: .bytes(bytes))
        guard reply.status == 201 else { throw HarnessError("no upload: \(reply.summary)") }
    }

    /// A job with its input, which the technical endpoint is to be called for.
    func jobWithInput(_ bytes: [UInt8] = Sample.wav(), filename: String = "talk.wav") async throws -> String {
        let job = try await newJob(filename: filename)
        try await upload(bytes, to: job.upload)
        return job.id
    }

    /// A job that its technical endpoint has been called for, and is at work on.
    func jobInWork() async throws -> TestJob {
        let id = try await jobWithInput()
        guard try await eventually(within: .seconds(30), { !endpoint.calls.isEmpty }) else {
            throw HarnessError("nobody is called:\n\(api.log.suffix(3_000))")
        }
        return TestJob(id: id, user: custode.alice, kind: .transcription)
    }

    /// What is told of a job.
    func detail(_ id: String, links: Bool = false, as user: String? = nil) async throws -> RawResponse {
        try await send("GET", "/saas/jobs/\(id)" + (links ? "?links=true" : ""), as: user)
    }

    /// A job's state, by the database.
    func status(_ id: String) async throws -> String? {
        try await custode.database.value("select status from jobs where id = '\(id)'")
    }

    /// Waits until a job has come to a state.
    func expect(
        _ status: String, of id: String, within limit: Duration = .seconds(30),
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let isSo = try await eventually(within: limit) { try await self.status(id) == status }
        let found = try await self.status(id) ?? "gone"
        #expect(isSo, "\(found), not \(status):\n\(api.log.suffix(3_000))", sourceLocation: sourceLocation)
    }

    /// A user's balance, which must be the sum of its ledger.
    func balance(of user: String? = nil, sourceLocation: SourceLocation = #_sourceLocation) async throws -> Int {
        let id = TestDatabase.quote(user ?? custode.alice)
        let row = try await custode.database.sql(
            """
            select balance, (select coalesce(sum(credits), 0) from saas.ledger l where l.user_id = a.user_id)
            from saas.accounts a where user_id = \(id)
            """)
        #expect(row.first?[0] == row.first?[1], "the ledger does not add up", sourceLocation: sourceLocation)
        return Int(row.first?[0] ?? "") ?? 0
    }

    /// How many rows a query finds.
    func count(_ from: String) async throws -> Int {
        Int(try await custode.database.value("select count(*) from \(from)") ?? "") ?? -1
    }
}

/// Expects a problem document with this status.
func expectProblem(
    _ reply: RawResponse, _ status: Int, _ slug: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(reply.status == status, "\(reply.summary)", sourceLocation: sourceLocation)
    #expect(
        reply.header("Content-Type") == "application/problem+json" && reply.json["status"].int == status,
        "\(reply.summary)", sourceLocation: sourceLocation)
    #expect(
        reply.json["type"].string?.hasPrefix("urn:saas:" + (slug ?? "")) == true, "\(reply.summary)",
        sourceLocation: sourceLocation)
    #expect(reply.json["instance"].string == reply.header("X-Request-Id"), sourceLocation: sourceLocation)
}
