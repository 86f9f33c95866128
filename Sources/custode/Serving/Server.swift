import ContentSniffer
import CustodeCore
import CustodeHTTP
import Foundation
import HummingbirdCore
import Identity
import Logging
import NIOCore
import NIOPosix
import PostgresCatalog
import PostgresClient
import ServiceLifecycle
import Telemetry
import UnixSignals

/// The running service: composes the parts, listens, and stops in order.
struct Server {
    private static let diskThreads = 32
    private static let connections = 20
    private static let lookupConnections = 4
    private static let longestDrain = Duration.seconds(30)

    let settings: Settings
    /// Whether the bucket is to be marked as the database's even if it holds objects or another's mark.
    var adopts = false

    /// Serves until a signal says to stop: then what runs is finished, for a while, and nothing new begins.
    func run() async throws {
        // A file beyond a limit is an error to answer, not a reason to die.
        signal(SIGXFSZ, SIG_IGN)
        Allocator.keepPieces()
        let parts = Parts(settings)
        let threads = NIOThreadPool(numberOfThreads: Self.diskThreads)
        threads.start()
        let pool = try parts.pool(Self.connections)
        let lookups = try parts.pool(Self.lookupConnections)
        let collectors = try parts.collectionPool()
        let store = try parts.store(threads)
        let linkKeys = LinkKeys(try parts.keyRing())
        let serviceKeys = try parts.serviceKeys()
        let sniffer = try MagicSniffer()
        let catalog = try await PostgresCatalog(pool: pool, lookups: lookups)
        let identity = try await pool.withConnection { try await SchemaInstaller($0).status().identity }
        let collection = try await parts.collection(collectors)
        await claimBucket(store, collection, parts)
        let metrics = ServiceMetrics(pools: [pool, lookups, collectors])
        var configuration = ServiceConfiguration(publicURL: settings.publicURL)
        configuration.delivery = settings.delivery
        configuration.corsOrigins = settings.corsOrigins
        let service = CustodeService(
            configuration: configuration, policy: settings.policy, catalog: catalog, store: store,
            sniffer: MagicTypeSniffer(sniffer: sniffer), authenticator: serviceKeys,
            signer: parts.signer(linkKeys, identity: identity ?? ""), clock: parts.clock, random: parts.random,
            metrics: metrics, logger: parts.logger)
        let admin = AdminService(catalog: catalog, store: store, logger: parts.logger) { metrics.registry.text }
        if serviceKeys.count == 0 {
            parts.logger.warning("no service keys: every call on /v1 is refused; see custode service-key new --help")
        }
        let reload = KeyReload(
            serviceKeysPath: settings.serviceKeysPath, linkKeysPath: settings.linkKeysPath, serviceKeys: serviceKeys,
            linkKeys: linkKeys, logger: parts.logger)
        var group = ServiceGroupConfiguration(
            services: [
                .init(service: reload),
                .init(service: worker(collection, store, metrics, parts)),
                .init(service: listener(settings.adminListen, parts.logger, admin.respond)),
                .init(service: listener(settings.listen, parts.logger, service.respond)),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: parts.logger)
        group.maximumGracefulShutdownDuration = Self.longestDrain
        try await ServiceGroup(configuration: group).run()
        await pool.close()
        await lookups.close()
        await collectors.close()
        sniffer.shutdown()
        try await threads.shutdownGracefully()
        parts.logger.notice("stopped")
    }

    private func worker(
        _ collection: PostgresCollection, _ store: any CollectableStore, _ metrics: ServiceMetrics, _ parts: Parts
    ) -> CollectionWorker {
        let policy = settings.policy.collection
        return CollectionWorker(
            drain: DrainOutbox(parts.collectionParts(collection, store)), catalog: collection, poll: policy.workerPoll,
            metrics: metrics, logger: parts.logger
        ) { OutboxTiming(asOf: parts.clock.now(), delay: policy.outboxDelay) }
    }

    /// Tells an empty bucket whose it is.
    ///
    /// One that is another's is served, and nothing of it collected.
    private func claimBucket(_ store: any CollectableStore, _ collection: PostgresCollection, _ parts: Parts) async {
        do {
            let claim = try await parts.bucketMark(store).claim(collection.circumstances(), adopt: adopts)
            if case .refused = claim { parts.logger.warning("\(claim.sentence); nothing will be collected") }
        } catch {
            parts.logger.warning("cannot tell whose the bucket is: \(error)")
        }
    }

    private func listener(
        _ address: HostPort, _ logger: Logger, _ responder: @escaping HTTPChannelHandler.Responder
    ) -> any Service {
        CustodeChannel(limits: ConnectionLimits(), responder: responder).server(
            configuration: ServerConfiguration(address: .hostname(address.host, port: address.port), backlog: 1_024),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }
}
