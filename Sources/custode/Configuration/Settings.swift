import BlobStores
import CustodeCore
import CustodeHTTP
import Foundation
import Identity
import Logging
import Telemetry

/// What this process is told, checked: the only place that reads settings.
struct Settings: CustomStringConvertible {
    var listen: HostPort
    var adminListen: HostPort
    var publicURL: String
    var databaseURL: String?
    var bucket: BucketLocation?
    var policy: Policy
    var policyPath: String
    var stateDirectory: String
    var linkKeysPath: String
    var serviceKeysPath: String?
    /// Whose access tokens are taken for users', and where the keys to them are; `nil` if nobody's are.
    var userTokens: (configuration: UserTokenConfiguration, keySetURL: String)?
    var delivery: ServiceConfiguration.Delivery
    var corsOrigins: [String]
    var environment: String
    var logLevel: Logger.Level
    var logFormat: StderrLog.Format
    /// What was given or assumed, for people to read; secrets masked.
    var effective: [(name: SettingName, value: String)]

    /// Nothing but the names of what was set: it holds secrets.
    var description: String { "Settings(\(effective.map(\.name.rawValue).joined(separator: ", ")))" }

    /// Everything that is wrong with the settings, at once.
    struct Faults: Error, CustomStringConvertible {
        let list: [String]

        var description: String { list.map { "custode: \($0)" }.joined(separator: "\n") }
    }

    /// Reads arguments, environment and file, and the policy they name.
    ///
    /// - Throws: ``Faults``.
    init(options: SettingOptions) throws {
        var reader = SettingReader(SettingSources(options: options))
        listen = reader.hostPort(.listen, "127.0.0.1:8080")
        adminListen = reader.hostPort(.adminListen, "127.0.0.1:9090")
        publicURL = reader.url(.publicURL, "http://\(listen)")
        databaseURL = reader.databaseURL()
        bucket = reader.bucket()
        stateDirectory = reader.text(.stateDirectory, "/var/lib/custode")
        linkKeysPath = reader.text(.linkKeys, "\(stateDirectory)/link-keys.json")
        serviceKeysPath = reader.optional(.serviceKeys)
        userTokens = reader.userTokens()
        delivery = reader.delivery(bucket)
        corsOrigins = reader.origins()
        environment = reader.text(.environment, "development")
        logLevel = reader.oneOf(.logLevel, Logger.Level.allCases, .info)
        logFormat = reader.oneOf(.logFormat, StderrLog.Format.allCases, isatty(STDERR_FILENO) == 1 ? .text : .json)
        policyPath = reader.policyPath()
        let policy = reader.policy(policyPath)
        effective = reader.effective
        guard let policy, reader.faults.isEmpty else { throw Faults(list: reader.faults) }
        self.policy = policy
    }

    /// The database.
    ///
    /// - Throws: ``Faults`` if it was not given.
    func requireDatabase() throws -> String {
        guard let databaseURL else {
            throw Faults(list: ["CUSTODE_DATABASE_URL: required; a libpq URI such as postgresql://user@host/database"])
        }
        return databaseURL
    }

    /// The bucket.
    ///
    /// - Throws: ``Faults`` if it was not given.
    func requireBucket() throws -> BucketLocation {
        guard let bucket else {
            throw Faults(list: [
                "CUSTODE_BUCKET: required; such as file:///var/lib/custode/bucket, s3://bucket?region=eu-central-1 or "
                    + "supabase://bucket?url=https://ref.supabase.co"
            ])
        }
        return bucket
    }
}

/// Where a listener listens.
struct HostPort: CustomStringConvertible, Equatable {
    let host: String
    let port: Int

    init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port), colon != text.startIndex
        else { return nil }
        host = text[..<colon].trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        self.port = port
    }

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// Which bucket.
enum BucketLocation: Equatable {
    /// A directory by its absolute path.
    case directory(String)
    /// A bucket of an S3-compatible service.
    case s3(S3Location)
    /// A bucket of a Supabase project.
    case supabase(SupabaseLocation)
}

/// A bucket of a Supabase project, and the key to it.
struct SupabaseLocation: Equatable {
    let bucket: String
    let url: String
    let key: SupabaseConfiguration.Key
}

/// A bucket of an S3-compatible service, and the keys to it.
struct S3Location: Equatable {
    let bucket: String
    let endpoint: String
    let region: String
    let style: S3Configuration.Style
    let accessKey: String
    let secretKey: String
}
