import CustodeTesting
import Foundation
import Testing

@Suite("Settings: every fault at once, each with what to do")
struct SettingsTests {
    private static let sound = [
        "SAAS_DATABASE_URL": "postgresql://127.0.0.1:1/none", "SAAS_CUSTODE_URL": "http://127.0.0.1:1",
        "SAAS_CUSTODE_KEY": "cus_a_b", "SAAS_AUTH0_ISSUER": "https://t.example/", "SAAS_AUTH0_AUDIENCE": "a",
        "SAAS_AUTH0_CLIENT_ID": "c",
    ]

    private static func serve(_ settings: [String: String]) async throws -> Command.Outcome {
        try await SaaSProcess(settings: settings).run("serve")
    }

    @Test("what is missing is listed all together, and the exit status is 1")
    func missing() async throws {
        let outcome = try await Self.serve([:])
        #expect(outcome.status == 1)
        for name in Self.sound.keys { #expect(outcome.errors.contains("\(name): required"), "\(outcome.errors)") }
    }

    @Test(
        "what makes no sense is named",
        arguments: [
            ("SAAS_LISTEN", "8000"), ("SAAS_PUBLIC_URL", "app.example"), ("SAAS_CUSTODE_URL", "ftp://x"),
            ("SAAS_AUTH0_ISSUER", "http://t.example/"), ("SAAS_AUTH0_JWKS_URL", "http://t.example/keys"),
            ("SAAS_TRANSCRIPTION_URL", "nowhere"), ("SAAS_CALL_TIMEOUT", "16m"), ("SAAS_CALL_ATTEMPTS", "0"),
            ("SAAS_CALL_RETRY", "soon"), ("SAAS_CALLS_AT_ONCE", "x"), ("SAAS_ALLOWANCE", "-1"),
            ("SAAS_COSTS", "party=1"), ("SAAS_COSTS", "stream=-1"), ("SAAS_USD_PER_HOUR", "much"),
            ("SAAS_PACKS", "100"), ("SAAS_PACKS", "0=price"),
            ("SAAS_PACKS", "100=a,100=b"), ("SAAS_INPUT_WAIT", "0s"), ("SAAS_LOG_LEVEL", "loud"),
            ("SAAS_LOG_FORMAT", "xml"),
            ("SAAS_LISTNE", "127.0.0.1:1"), ("SAAS_LISTEN_FILE", "/dev/null"), ("SAAS_STRIPE_URL", "stripe"),
        ])
    func senseless(name: String, value: String) async throws {
        let outcome = try await Self.serve(Self.sound.merging([name: value]) { $1 })
        #expect(outcome.status == 1 && outcome.errors.contains("  \(name): "), "\(outcome.errors)")
    }

    @Test("packs without Stripe's key and secret are half a shop")
    func packs() async throws {
        let outcome = try await Self.serve(Self.sound.merging(["SAAS_PACKS": "100=price"]) { $1 })
        #expect(outcome.errors.contains("SAAS_STRIPE_KEY: required"))
        #expect(outcome.errors.contains("SAAS_STRIPE_WEBHOOK_SECRET: required"))
        for secrets in ["whsec_test, ", "whsec_test,", ",", "whsec_", "secret"] {
            let shop = ["SAAS_PACKS": "100=price", "SAAS_STRIPE_KEY": "sk", "SAAS_STRIPE_WEBHOOK_SECRET": secrets]
            let outcome = try await Self.serve(Self.sound.merging(shop) { $1 })
            #expect(outcome.errors.contains("SAAS_STRIPE_WEBHOOK_SECRET: each"), "\(secrets): \(outcome.errors)")
        }
    }

    @Test("secrets come from files too, but not twice; a database that is away or has no tables is told")
    func secrets() async throws {
        let folder = try TestFolder()
        try "cus_a_b\n".write(toFile: folder.path + "/key", atomically: true, encoding: .utf8)
        var settings = Self.sound.merging(["SAAS_CUSTODE_KEY_FILE": folder.path + "/key"]) { $1 }
        #expect(try await Self.serve(settings).errors.contains("SAAS_CUSTODE_KEY: given itself and as a file"))
        settings["SAAS_CUSTODE_KEY"] = nil
        #expect(try await Self.serve(settings).errors.contains("the database cannot be used"))
        settings["SAAS_CUSTODE_KEY_FILE"] = folder.path + "/none"
        #expect(try await Self.serve(settings).errors.contains("SAAS_CUSTODE_KEY_FILE: cannot read"))
        let empty = try await PrivatePostgres.shared().createSaaSDatabase()
        let outcome = try await Self.serve(Self.sound.merging(["SAAS_DATABASE_URL": empty.uri]) { $1 })
        #expect(outcome.status == 1 && outcome.errors.contains("saas-api schema install"), "\(outcome.errors)")
        folder.remove()
    }

    @Test("the help lists every setting; wrong usage is 2")
    func help() async throws {
        let help = try await SaaSProcess(settings: [:]).run("--help")
        #expect(help.status == 0)
        for name in Self.sound.keys.sorted() + ["SAAS_STRIPE_WEBHOOK_SECRET", "SAAS_CALL_TIMEOUT"] {
            #expect(help.output.contains(name))
        }
        #expect(try await SaaSProcess(settings: [:]).run("dance").status == 2)
        let paper = try String(
            contentsOfFile: Checkout.root + "/Sources/custode/Documentation.docc/SaaS.md", encoding: .utf8)
        for setting in Set(paper.matches(of: /SAAS_[A-Z0-9_]+/).map { String($0.output) }) {
            #expect(help.output.contains(setting + " "), "\(setting)")
        }
    }
}
