import CustodeTesting
import Foundation
import Testing

@Suite("CORS on links", .serialized)
struct CORSTests {
    private static let origin = "https://app.example.org"
    private static let world = Once {
        try await World.start(settings: ["CUSTODE_CORS_ORIGINS": origin + ",https://second.example.org"])
    }

    @Test("a configured origin may read a link's reply", arguments: [origin, "https://second.example.org"])
    func allowed(origin: String) async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        let reply = try await world.send(
            "GET", try await world.link("input", of: job), as: .stranger, headers: ["Origin": origin])
        #expect(reply.status == 200)
        #expect(reply.headers.all("Access-Control-Allow-Origin") == [origin], "\(reply.summary)")
        #expect(reply.header("Access-Control-Allow-Credentials") == nil)
        #expect(reply.header("Vary")?.lowercased().contains("origin") == true)
        #expect(reply.header("Cross-Origin-Resource-Policy") == "cross-origin")
    }

    @Test(
        "any other origin is told nothing",
        arguments: [
            "https://evil.example", "null", "https://app.example.org.evil.example", "http://app.example.org",
            "https://app.example.org:8443", "https://APP.example.org.", "*",
        ])
    func others(origin: String) async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        let target = try await world.link("input", of: job)
        for method in ["GET", "OPTIONS"] {
            let reply = try await world.send(
                method, target, as: .stranger,
                headers: ["Origin": origin, "Access-Control-Request-Method": "GET"])
            #expect(reply.header("Access-Control-Allow-Origin") == nil, "\(reply.summary)")
        }
    }

    @Test(
        "a preflight is answered without a credential", arguments: [("download", "GET"), ("upload", "PUT")])
    func preflight(operation: String, method: String) async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        let object = operation == "upload" ? "transcript" : "input"
        let target = try await world.link(object, of: job, ["operation": .string(operation)])
        let reply = try await world.send(
            "OPTIONS", target, as: .stranger,
            headers: [
                "Origin": Self.origin, "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": operation == "upload"
                    ? "content-type,content-digest" : "range",
            ])
        #expect([200, 204].contains(reply.status), "\(reply.summary)")
        #expect(reply.header("Access-Control-Allow-Origin") == Self.origin)
        #expect(reply.header("Access-Control-Allow-Methods")?.contains(method) == true, "\(reply.summary)")
        let headers = reply.header("Access-Control-Allow-Headers")?.lowercased() ?? ""
        #expect(operation == "download" || headers.contains("content-type") || headers == "*", "\(headers)")
        #expect(reply.header("Access-Control-Allow-Credentials") == nil)
    }

    @Test("without configured origins no reply speaks of any")
    func unconfigured() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let reply = try await world.send(
            "GET", try await world.link("input", of: job), as: .stranger, headers: ["Origin": Self.origin])
        #expect(reply.status == 200)
        #expect(reply.headers.fields.allSatisfy { !$0.name.lowercased().hasPrefix("access-control") })
    }
}
