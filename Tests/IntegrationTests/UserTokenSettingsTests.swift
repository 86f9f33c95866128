import CustodeTesting
import Foundation
import Testing

@Suite("Settings of users' tokens")
struct UserTokenSettingsTests {
    private static let sound = [
        "CUSTODE_AUTH0_ISSUER": "https://tenant.example/", "CUSTODE_AUTH0_AUDIENCE": "https://api.example",
    ]

    private static func check(_ settings: [String: String], _ arguments: String...) async throws -> Command.Outcome {
        let world = try await World.shared()
        return try await world.service.run(["check"] + arguments, settings: settings)
    }

    @Test(
        "settings that contradict one another, or would let somebody on the way make tokens, stop the start",
        arguments: [
            (["CUSTODE_AUTH0_AUDIENCE": "x"], "CUSTODE_AUTH0_AUDIENCE: only CUSTODE_AUTH0_ISSUER"),
            (["CUSTODE_USER_CLAIM": "x"], "CUSTODE_USER_CLAIM: only CUSTODE_AUTH0_ISSUER"),
            (["CUSTODE_AUTH0_JWKS_URL": "https://x/"], "CUSTODE_AUTH0_JWKS_URL: only CUSTODE_AUTH0_ISSUER"),
            (["CUSTODE_AUTH0_ISSUER": "https://x/"], "CUSTODE_AUTH0_AUDIENCE: required"),
            (["CUSTODE_AUTH0_ISSUER": "tenant", "CUSTODE_AUTH0_AUDIENCE": "x"], "CUSTODE_AUTH0_ISSUER: tenant is not"),
            (
                ["CUSTODE_AUTH0_ISSUER": "http://tenant.example/", "CUSTODE_AUTH0_AUDIENCE": "x"],
                "CUSTODE_AUTH0_ISSUER: http://tenant.example/.well-known/jwks.json must be https"
            ),
            (
                ["CUSTODE_AUTH0_ISSUER": "https://t.eu.auth0.com", "CUSTODE_AUTH0_AUDIENCE": "x"],
                "CUSTODE_AUTH0_ISSUER: https://t.eu.auth0.com must end in a slash"
            ),
            (
                ["CUSTODE_AUTH0_ISSUER": "https://t.example/?x=1", "CUSTODE_AUTH0_AUDIENCE": "x"],
                "CUSTODE_AUTH0_ISSUER: https://t.example/?x=1 is not"
            ),
            (sound.merging(["CUSTODE_AUTH0_JWKS_URL": "http://127.0.0.1.evil.example/"]) { $1 }, "must be https"),
            (sound.merging(["CUSTODE_AUTH0_JWKS_URL": "http://10.0.0.1/"]) { $1 }, "must be https"),
            (sound.merging(["CUSTODE_AUTH0_JWKS_URL": "http://a@127.0.0.1/"]) { $1 }, "is not a URL"),
            (sound.merging(["CUSTODE_AUTH0_JWKS_URL": "file:///etc/passwd"]) { $1 }, "is not a URL"),
            (sound.merging(["CUSTODE_AUTH0_JWKS_URL": "ftp://x/"]) { $1 }, "must be https"),
        ])
    func faults(settings: [String: String], fault: String) async throws {
        let outcome = try await Self.check(settings)
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("custode: \(fault)") || outcome.errors.contains(fault), "\(outcome.errors)")
    }

    @Test("check fetches the key set, and says what is wrong with it", arguments: ["localhost", "127.0.0.1", "[::1]"])
    func probed(host: String) async throws {
        let key = try await SigningKeyFile.make()
        let server = try await KeySetServer.start(.keys([key.jwk("a")]))
        let url = server.url.replacing("127.0.0.1", with: host)
        let settings = Self.sound.merging(["CUSTODE_AUTH0_JWKS_URL": url]) { $1 }
        if host == "127.0.0.1" {
            let good = try await Self.check(settings, "--json")
            #expect(good.status == 0, "\(good.output)")
            #expect(good.output.contains("1 keys at "), "\(good.output)")
            server.reply = .keys([])
            let empty = try await Self.check(settings)
            #expect(empty.status == 1)
            #expect(empty.output.contains("FAIL user tokens"), "\(empty.output)")
            server.reply.status = 500
            #expect(try await Self.check(settings).output.contains("status 500"))
        } else {
            // Whether it is reached there or not, it may be named.
            #expect(try await !Self.check(settings).errors.contains("must be https"))
        }
    }

    @Test("the key set is the issuer's own where nothing else is said")
    func derived() async throws {
        let outcome = try await Self.check([
            "CUSTODE_AUTH0_ISSUER": "http://127.0.0.1:9/", "CUSTODE_AUTH0_AUDIENCE": "x",
        ])
        #expect(
            outcome.output.contains("http://127.0.0.1:9/.well-known/jwks.json gives no key set"), "\(outcome.output)")
    }
}
