import BlobStores
import ContentSniffer
import CustodeCore
import Foundation
import HTTPFetch
import Identity
import Logging
import NIOPosix
import PostgresCatalog
import PostgresClient
import Telemetry

/// Builds the parts that commands and the service are composed of.
struct Parts {
    let settings: Settings
    let logger: Logger
    let clock: any WallClock = SystemClock()
    let random = SystemRandom()

    init(_ settings: Settings) {
        self.settings = settings
        var logger = Logger(label: "custode") { label in
            StderrLog(label: label, format: settings.logFormat, level: settings.logLevel)
        }
        logger.logLevel = settings.logLevel
        self.logger = logger
    }

    func pool(_ connections: Int) throws -> PostgresPool {
        var configuration = PostgresConfiguration(uri: try settings.requireDatabase())
        configuration.maximumConnections = connections
        configuration.session = Self.session
        return PostgresPool(configuration)
    }

    /// What holds in the service's sessions, which ask for single rows by their keys.
    ///
    /// A plan made while the tables were small would read them whole ever after, until somebody analyses them: so no
    /// plan may.
    private static let session = [
        "default_transaction_isolation": "read committed", "plan_cache_mode": "force_generic_plan", "jit": "off",
        "enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off",
    ]

    func connection() async throws -> PostgresConnection {
        try await PostgresConnection.connect(PostgresConfiguration(uri: try settings.requireDatabase()))
    }

    /// Opens the bucket; one behind a network is not asked for anything yet.
    ///
    /// - Parameter threads: Where system calls that may wait for a disk are made; running.
    /// - Parameter syncsTogether: Whether many uploads at once are made durable together, where that is quicker.
    /// - Parameter metrics: Where requests to a bucket behind a network are counted.
    func bucket(
        _ threads: NIOThreadPool, syncsTogether: Bool = false, metrics: ServiceMetrics? = nil
    ) throws -> Bucket {
        let retried: @Sendable () -> Void = { metrics?.retried() }
        switch try settings.requireBucket() {
        case .directory(let path):
            return Bucket(
                store: try DirectoryStore(path: path, threads: threads, syncsTogether: syncsTogether), fetcher: nil)
        case .s3(let location):
            makeStateDirectory()
            let fetcher = try Fetcher(certificates: Self.certificates, observer: metrics)
            let configuration = S3Configuration(
                bucket: location.bucket, endpoint: location.endpoint, region: location.region, style: location.style,
                accessKey: location.accessKey, secretKey: location.secretKey,
                spoolDirectory: settings.stateDirectory)
            let store = try S3Store(
                configuration, fetcher: fetcher, threads: threads, clock: clock, random: random, retried: retried)
            return Bucket(store: store, fetcher: fetcher)
        case .supabase(let location):
            makeStateDirectory()
            let fetcher = try Fetcher(certificates: Self.certificates, observer: metrics)
            let configuration = SupabaseConfiguration(
                bucket: location.bucket, url: location.url, key: location.key, spoolDirectory: settings.stateDirectory)
            let store = try SupabaseStore(
                configuration, fetcher: fetcher, threads: threads, clock: clock, random: random, retried: retried)
            return Bucket(store: store, fetcher: fetcher)
        }
    }

    /// OpenSSL's own variable for a file of trusted certificates, which libcurl leaves to its callers to honour.
    static var certificates: String? {
        ProcessInfo.processInfo.environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 }
    }

    func makeStateDirectory() {
        try? FileManager.default.createDirectory(
            atPath: settings.stateDirectory, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
    }

    func keyRing() throws -> KeyRing {
        try KeyRingFile(path: settings.linkKeysPath).loadOrCreate(random: random, now: clock.now())
    }

    func serviceKeys() throws -> ServiceKeys {
        guard let path = settings.serviceKeysPath else { return try ServiceKeys(file: "") }
        return try ServiceKeys(file: try Self.text(path))
    }

    static func text(_ path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Settings.Faults(list: ["CUSTODE_SERVICE_KEYS: cannot read \(path)"])
        }
        return text
    }

    /// - Parameter identity: That of the storage, which the database holds.
    func signer(_ keys: LinkKeys, identity: String) -> LinkSigner {
        LinkSigner(
            authenticator: keys, deployment: "\(identity) \(settings.environment)",
            maximumTTL: settings.policy.links.maximumTTL, clock: clock)
    }
}
