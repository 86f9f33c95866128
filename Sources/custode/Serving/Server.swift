import ContentSniffer
import CustodeCore
import CustodeHTTP
import Foundation
import HummingbirdCore
import Identity
import KeySets
import Logging
import NIOCore
import NIOPosix
import PostgresCatalog
import PostgresClient
import ServiceLifecycle
import Telemetry
import Tracing
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
        let limit = FileLimit.raised()
        let census = ConnectionCensus(most: limit.connections)
        let parts = Parts(settings)
        InstrumentationSystem.bootstrap(LogTracer(logger: parts.logger))
        let resources = try Resources(parts, census)
        try await prepare(resources.bucket, parts)
        try await ServiceGroup(
            configuration: try await services(resources, parts, census, TransferBound(most: limit.transfers))
        ).run()
        try await resources.close()
        parts.logger.notice("stopped")
    }

    /// What is opened once and closed at the end.
    private struct Resources {
        let threads: NIOThreadPool
        let pool: PostgresPool
        let lookups: PostgresPool
        let collectors: PostgresPool
        let bucket: Bucket
        let sniffer: MagicSniffer
        let metrics: ServiceMetrics

        init(_ parts: Parts, _ census: ConnectionCensus) throws {
            threads = NIOThreadPool(numberOfThreads: Server.diskThreads)
            threads.start()
            let pools = [
                try parts.pool(Server.connections), try parts.pool(Server.lookupConnections),
                try parts.collectionPool(),
            ]
            (pool, lookups, collectors) = (pools[0], pools[1], pools[2])
            metrics = ServiceMetrics(pools: pools, connections: census)
            bucket = try parts.bucket(threads, metrics: metrics)
            sniffer = try MagicSniffer()
        }

        var store: any ResumableStore { bucket.store }

        func close() async throws {
            await pool.close()
            await lookups.close()
            await collectors.close()
            await bucket.close()
            sniffer.shutdown()
            try await threads.shutdownGracefully()
        }
    }

    /// A bucket that does not answer may later; one that is not to be used never will.
    private func prepare(_ bucket: Bucket, _ parts: Parts) async throws {
        do {
            try await bucket.prepare()
        } catch let error as BlobStoreError {
            parts.logger.error("the bucket cannot be used yet: \(error)")
        }
    }

    private func services(
        _ resources: Resources, _ parts: Parts, _ census: ConnectionCensus, _ transfers: TransferBound
    ) async throws -> ServiceGroupConfiguration {
        let linkKeys = LinkKeys(try parts.keyRing())
        let serviceKeys = try parts.serviceKeys()
        let catalog = try await PostgresCatalog(pool: resources.pool, lookups: resources.lookups)
        let identity = try await resources.pool.withConnection { try await SchemaInstaller($0).status().identity }
        let collector = try await worker(resources, parts)
        var configuration = ServiceConfiguration(publicURL: settings.publicURL)
        configuration.delivery = settings.delivery
        configuration.corsOrigins = settings.corsOrigins
        let sniffer = MagicTypeSniffer(sniffer: resources.sniffer)
        let watch = AppendWatch(catalog: catalog)
        let dailyBytes = DailyBytes(catalog: catalog, settings.policy.uploads)
        let uploads = ResumableUploads(
            catalog: catalog, store: resources.store, sniffer: sniffer, checksums: OpenSSLHashing(), watch: watch,
            policy: settings.policy, clock: parts.clock, random: parts.random,
            dailyBytes: dailyBytes, published: AuditLog(logger: parts.logger).published)
        let keeper = UploadKeeper(
            uploads: uploads, watch: watch, store: resources.store, poll: settings.policy.collection.workerPoll,
            logger: parts.logger)
        let keySet = try settings.userTokens.map {
            try KeySetKeeper(
                $0.configuration, keySetURL: $0.keySetURL, certificates: Parts.certificates, clock: parts.clock,
                logger: parts.logger)
        }
        let service = CustodeService(
            configuration: configuration, policy: settings.policy, catalog: catalog, store: resources.store,
            uploads: uploads, dailyBytes: dailyBytes, connections: census, transfers: transfers,
            presigner: resources.store as? any PresigningStore,
            sniffer: sniffer,
            authenticator: BearerTokens(serviceKeys: serviceKeys, userTokens: keySet?.tokens),
            signer: parts.signer(linkKeys, identity: identity ?? ""), clock: parts.clock, random: parts.random,
            metrics: resources.metrics, logger: parts.logger)
        let registry = resources.metrics.registry
        let admin = AdminService(catalog: catalog, store: resources.store, logger: parts.logger) { registry.text }
        if serviceKeys.count == 0 {
            parts.logger.warning("no service keys: every call on /v1 is refused; see custode service-key new --help")
        }
        let reload = KeyReload(
            serviceKeysPath: settings.serviceKeysPath, linkKeysPath: settings.linkKeysPath, serviceKeys: serviceKeys,
            linkKeys: linkKeys, keySet: keySet?.source, logger: parts.logger)
        var group = ServiceGroupConfiguration(
            services: (keySet.map { [.init(service: $0)] } ?? []) + [
                .init(service: reload),
                .init(service: collector),
                .init(service: keeper),
                .init(service: UsageKeeper(dailyBytes: dailyBytes, logger: parts.logger)),
                .init(service: listener(settings.adminListen, parts.logger, nil, admin.respond)),
                .init(service: listener(settings.listen, parts.logger, census, service.respond)),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: parts.logger)
        group.maximumGracefulShutdownDuration = Self.longestDrain
        return group
    }

    /// What collects while the service runs.
    private func worker(_ resources: Resources, _ parts: Parts) async throws -> CollectionWorker {
        let catalog = try await parts.collection(resources.collectors)
        await claimBucket(resources.store, catalog, parts)
        let policy = settings.policy.collection
        return CollectionWorker(
            drain: DrainOutbox(parts.collectionParts(catalog, resources.store)), catalog: catalog,
            poll: policy.workerPoll, metrics: resources.metrics, logger: parts.logger
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
        _ address: HostPort, _ logger: Logger, _ census: ConnectionCensus?,
        _ responder: @escaping HTTPChannelHandler.Responder
    ) -> any Service {
        CustodeChannel(limits: ConnectionLimits(), census: census, responder: responder).server(
            configuration: ServerConfiguration(
                address: .hostname(address.host, port: address.port), backlog: 1_024,
                availableConnectionsDelegate: census),
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    }
}
