import CustodeTesting
import Foundation
import Testing

@Suite("End to end, in Chromium, as people would")
struct JourneyTests {
    private static let clients = Checkout.root + "/Tests/SaaSTests/Clients"

    /// Python with the clients that `requirements.txt` names.
    private static func python() throws -> String {
        guard let python = ProcessInfo.processInfo.environment["CUSTODE_TEST_PYTHON"] else {
            throw HarnessError("CUSTODE_TEST_PYTHON is not set: run scripts/test")
        }
        return python
    }

    @Test(
        "sign in, credits bought, 200 MB interrupted and resumed, a transcript, deletion, and a second user who sees nothing of it"
    )
    func journey() async throws {
        let port = try FreePort.pick()
        let page = "http://127.0.0.1:\(port)"
        let audience = "https://saas.example"
        let state = try TestFolder()
        let login = try await StandIn.start(
            "login", ["--state", state.path, "--client-id", "page", "--audience", audience, "--page", page])
        let stripe = try await StandIn.start(
            "stripe",
            [
                "--key", SaaSWorld.stripeKey, "--prices", "price_a,price_b", "--secret", SaaSWorld.webhookSecret,
                "--webhook", page + "/saas/stripe/webhook", "--twice",
            ])
        let world = try await SaaSWorld.start(
            delay: "1",
            settings: [
                "SAAS_LISTEN": "127.0.0.1:\(port)", "SAAS_AUTH0_ISSUER": login.url + "/",
                "SAAS_AUTH0_AUDIENCE": audience,
                "SAAS_AUTH0_JWKS_URL": login.url + "/.well-known/jwks.json",
                "SAAS_USER_CLAIM": "https://saas.example/user_id", "SAAS_STRIPE_URL": stripe.url,
            ],
            custode: [
                "CUSTODE_CORS_ORIGINS": page, "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "1s",
                "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms",
            ])
        let pictures = ProcessInfo.processInfo.environment["CUSTODE_TEST_SCREENSHOTS"] ?? state.path
        let environment = [
            "PAGE_URL": page, "CUSTODE_URL": "http://127.0.0.1:\(world.custode.service.port)", "SCREENSHOTS": pictures,
            "TIMEOUT": "240", "PYTHONDONTWRITEBYTECODE": "1",
        ]
        let outcome = try await Command.run(
            try Self.python(), [Self.clients + "/journey.py"],
            environment: Command.environment.merging(environment) { $1 }, within: .seconds(300))
        #expect(outcome.status == 0, "\(outcome.output)\n\(outcome.errors)\n\(world.api.log.suffix(3_000))")
        // What was deleted is gone after the delays, from the bucket too.
        let left = try await eventually(within: .seconds(30)) {
            let kept = Set(try await world.custode.references().map(\.key))
            return TestFolder.files(below: world.custode.bucket).keys.filter { $0.hasPrefix("users/") }
                .allSatisfy { kept.contains($0) }
        }
        #expect(left, "\(TestFolder.files(below: world.custode.bucket).keys.sorted())")
        #expect(try await world.count("saas.ledger where kind = 'purchase'") == 1)
        login.stop()
        stripe.stop()
        try await world.close()
    }
}
