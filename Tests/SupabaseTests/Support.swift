import CustodeTesting
import Foundation
import Testing

/// A stand-in with one bucket, and a client that has its keys.
struct Project: Sendable {
    let server: SupabaseStandIn
    let bucket = "box"

    static func start(
        _ change: @Sendable (inout SupabaseStandIn.Configuration) -> Void = { _ in }
    ) async throws -> Project {
        var configuration = SupabaseStandIn.Configuration()
        change(&configuration)
        let server = try await SupabaseStandIn.start(configuration)
        server.makeBucket("box")
        return Project(server: server)
    }

    /// The fields that carry a token, as the gateway and the server want them.
    func token(_ key: String? = nil) -> HeaderList {
        let key = key ?? server.serviceKey
        return ["Authorization": "Bearer \(key)", "apikey": key]
    }

    var client: RawClient { RawClient(port: server.port) }

    func request(
        _ method: String, _ path: String, _ headers: HeaderList = [:], _ body: RequestBody = .none
    ) async throws -> RawResponse {
        try await client.request(method, "/storage/v1" + path, headers: token() + headers, body: body)
    }

    func json(_ method: String, _ path: String, _ body: JSON, _ headers: HeaderList = [:]) async throws -> RawResponse {
        try await request(method, path, ["Content-Type": "application/json"] + headers, .json(body))
    }

    @discardableResult
    func put(_ key: String, _ text: String, _ headers: HeaderList = [:]) async throws -> RawResponse {
        try await request("POST", "/object/box/" + key, headers, .text(text))
    }
}

/// Holds a reply to be a refusal in the server's envelope.
func expectRefusal(
    _ reply: RawResponse, _ status: String, _ code: String, error: String? = nil, wire: Int = 400,
    at place: SourceLocation = #_sourceLocation
) {
    #expect(reply.status == wire, "\(reply.summary)", sourceLocation: place)
    #expect(reply.json["statusCode"].string == status, "\(reply.summary)", sourceLocation: place)
    #expect(reply.json["code"].string == code, "\(reply.summary)", sourceLocation: place)
    if let error { #expect(reply.json["error"].string == error, "\(reply.summary)", sourceLocation: place) }
    #expect(reply.header("Date") != nil, sourceLocation: place)
}
