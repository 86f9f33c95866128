/// A world whose users come with tokens of their own: a service, and the issuer that it trusts.
public struct TokenWorld: Sendable {
    /// The service, the database and the bucket; ids of users are texts.
    public let world: World
    /// Where the service gets its keys.
    public let keySet: KeySetServer
    /// The issuer, whose key is in the set.
    public let issuer: TokenIssuer

    /// Starts one of a test's own; `world.close()` ends it.
    public static func start(
        settings: [String: String] = [:], reply: KeySetServer.Reply? = nil
    ) async throws -> TokenWorld {
        let issuer = TokenIssuer(keyID: "first", key: try await SigningKeyFile.make())
        let keySet = try await KeySetServer.start(reply ?? .keys([issuer.key.jwk(issuer.keyID)]))
        let auth0 = [
            "CUSTODE_AUTH0_ISSUER": issuer.issuer, "CUSTODE_AUTH0_AUDIENCE": issuer.audience,
            "CUSTODE_AUTH0_JWKS_URL": keySet.url,
        ]
        let world = try await World.start(ids: .text, settings: auth0.merging(settings) { $1 })
        return TokenWorld(world: world, keySet: keySet, issuer: issuer)
    }

    /// Sends one request with a token and reads the reply.
    public func send(
        _ method: String, _ target: String, token: String, headers: HeaderList = [:], body: RequestBody = .none
    ) async throws -> RawResponse {
        try await world.service.client.request(
            method, target, headers: ["Authorization": "Bearer \(token)"] + headers, body: body)
    }

    /// What listing a job of alice's is answered to whoever has this token.
    public func answer(to token: String, for job: TestJob) async throws -> RawResponse {
        try await send("GET", "/v1/jobs/\(job.id)/objects", token: token)
    }
}
