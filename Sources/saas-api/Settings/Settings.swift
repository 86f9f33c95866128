import Foundation
import Identity
import Logging
import Telemetry

/// What the program was told to do, checked.
struct Settings: Sendable {
    /// An address to listen on.
    struct Address: Sendable {
        var host: String
        var port: Int
    }

    /// Credits that are sold together.
    struct Pack: Sendable {
        let credits: Int64
        let price: String
    }

    /// How Stripe is reached.
    struct Stripe: Sendable {
        let url: String
        let key: String
        let webhookSecrets: [String]
        let packs: [Pack]
    }

    /// How technical endpoints are called.
    struct Calls: Sendable {
        let endpoints: [JobType: String]
        let timeout: Duration
        let attempts: Int64
        let retry: Duration
        let inputWait: Duration
        let atOnce: Int
        let usdPerHour: Double
    }

    let listen: Address
    let publicURL: String
    let databaseURL: String
    let custodeURL: String
    /// Where browsers find Custode.
    let custodePublicURL: String
    let custodeKey: String
    let tokens: UserTokenConfiguration
    let keySetURL: String
    let clientID: String
    let calls: Calls
    let allowance: Int64
    let costs: [JobType: Int64]
    let stripe: Stripe?
    let logLevel: Logger.Level
    let logFormat: StderrLog.Format

    /// Everything that is wrong, a sentence each.
    struct Faults: Error, CustomStringConvertible {
        let list: [String]

        var description: String {
            "the settings are wrong:\n" + list.map { "  \($0)\n" }.joined() + "see saas-api --help"
        }
    }

    /// Reads them from the environment.
    ///
    /// - Throws: ``Faults``.
    static func read(_ environment: [String: String] = ProcessInfo.processInfo.environment) throws(Faults) -> Settings {
        var reader = SettingReader(environment)
        let settings = Settings(&reader)
        guard reader.faults.isEmpty else { throw Faults(list: reader.faults) }
        return settings
    }

    /// Reads the one that says where the database is.
    ///
    /// - Throws: ``Faults``.
    static func databaseURL(
        _ environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(Faults) -> String {
        var reader = SettingReader(environment)
        let url = reader.required(.databaseURL, or: "DATABASE_URL")
        guard reader.faults.isEmpty else { throw Faults(list: reader.faults) }
        return url
    }

    private init(_ reader: inout SettingReader) {
        listen = reader.address(.listen, "127.0.0.1:8000")
        publicURL = reader.url(.publicURL, "http://\(listen.host):\(listen.port)")
        databaseURL = reader.required(.databaseURL, or: "DATABASE_URL")
        custodeURL = reader.url(.custodeURL, reader.required(.custodeURL, or: "CUSTODE_URL"))
        custodePublicURL = reader.url(.custodePublicURL, custodeURL)
        custodeKey = reader.required(.custodeKey, or: "CUSTODE_SERVICE_KEY")
        let issuer = reader.required(.issuer)
        tokens = UserTokenConfiguration(
            issuer: issuer, audience: reader.required(.audience), userClaim: reader.text(.userClaim) ?? "sub")
        keySetURL = reader.text(.keySetURL) ?? issuer + (issuer.hasSuffix("/") ? "" : "/") + ".well-known/jwks.json"
        reader.demandPrivacy(keySetURL, of: reader.text(.keySetURL) == nil ? .issuer : .keySetURL)
        clientID = reader.required(.clientID)
        calls = reader.calls()
        allowance = reader.count(.allowance, 20, 0...1_000_000)
        costs = reader.costs()
        stripe = reader.stripe()
        logLevel = reader.oneOf(.logLevel, .info) { Logger.Level(rawValue: $0) }
        logFormat = reader.oneOf(.logFormat, isatty(STDERR_FILENO) == 1 ? .text : .json) {
            StderrLog.Format(rawValue: $0)
        }
    }
}
