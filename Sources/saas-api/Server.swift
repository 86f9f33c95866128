import CustodeAPI
import CustodeCore
import CustodeHTTP
import Foundation
import HTTPFetch
import Hummingbird
import HummingbirdCore
import Identity
import KeySets
import Logging
import NIOCore
import PostgresClient
import ServiceLifecycle
import Telemetry
import UnixSignals

/// The running program: composes the parts, listens, and stops in order.
struct Server {
    private static let connections = 10
    private static let longestDrain = Duration.seconds(30)

    let settings: Settings

    /// Serves until a signal says to stop; calls under way are given back to whoever comes next.
    func run() async throws {
        let logger = makeLogger()
        let clock = SystemClock()
        let certificates = ProcessInfo.processInfo.environment["SSL_CERT_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        let fetcher = try Fetcher(certificates: certificates)
        var database = PostgresConfiguration(uri: settings.databaseURL)
        database.maximumConnections = Self.connections
        database.applicationName = "saas-api"
        let pool = PostgresPool(database)
        let credits = Credits(allowance: settings.allowance)
        let custode = CustodeClient(url: settings.custodeURL, serviceKey: settings.custodeKey, fetcher: fetcher)
        let keySet = try KeySetKeeper(
            settings.tokens, keySetURL: settings.keySetURL, certificates: certificates, clock: clock, logger: logger)
        let jobs = try await openJobs(pool, credits)
        let router = Router(context: SaaSContext.self)
        let policy = WebPage.policy(issuer: settings.tokens.issuer, custode: settings.custodePublicURL)
        router.add(middleware: Edge(contentSecurityPolicy: policy))
        WebPage(settings: settings).add(to: router)
        if let stripe = settings.stripe {
            StripeRoutes(pool: pool, credits: credits, secrets: stripe.webhookSecrets, clock: clock)
                .add(to: router.group("saas"))
        }
        let signedIn = router.group("saas").add(
            middleware: SignedIn(authenticator: keySet.tokens, users: UserDirectory(pool: pool)))
        JobRoutes(jobs: jobs, custode: custode, costs: settings.costs, types: Set(settings.calls.endpoints.keys))
            .add(to: signedIn)
        let checkout = settings.stripe.map { Checkout(settings: $0, publicURL: settings.publicURL, fetcher: fetcher) }
        AccountRoutes(pool: pool, credits: credits, checkout: checkout).add(to: signedIn)
        let application = Application(
            router: router,
            server: HTTPServerBuilder { responder in CustodeChannel(limits: ConnectionLimits(), responder: responder) },
            configuration: .init(address: .hostname(settings.listen.host, port: settings.listen.port)), logger: logger)
        let queue = CallQueue(pool: pool, credits: credits, settings: settings.calls)
        let worker = CallWorker(
            queue: queue,
            endpoint: TechnicalEndpoint(
                settings: settings.calls, custode: custode, queue: queue, fetcher: fetcher, logger: logger),
            atOnce: settings.calls.atOnce, logger: logger)
        // Stopped from the last to the first: no call is begun while requests are finished.
        var group = ServiceGroupConfiguration(
            services: [.init(service: keySet), .init(service: application), .init(service: worker)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = Self.longestDrain
        do {
            try await ServiceGroup(configuration: group).run()
        } catch let error as IOError {
            throw Settings.Faults(list: [
                "SAAS_LISTEN: \(settings.listen.host):\(settings.listen.port) cannot be listened on: \(error)"
            ])
        }
        await pool.close()
        await fetcher.shutdown()
        logger.notice("stopped")
    }

    private func openJobs(_ pool: PostgresPool, _ credits: Credits) async throws -> JobStore {
        do {
            guard try await pool.query("select to_regclass('saas.ledger') is not null")[0].bool(0) else {
                throw Settings.Faults(list: ["the database has no tables of saas-api: run saas-api schema install"])
            }
            return try await JobStore(pool: pool, credits: credits)
        } catch let error as PostgresError {
            throw Settings.Faults(list: ["SAAS_DATABASE_URL: the database cannot be used: \(error)"])
        }
    }

    private func makeLogger() -> Logger {
        var logger = Logger(label: "saas-api") { label in
            StderrLog(label: label, format: settings.logFormat, level: settings.logLevel)
        }
        logger.logLevel = settings.logLevel
        return logger
    }
}
