import BlobStores
import CustodeCore
import Foundation
import NIOPosix
import PostgresCatalog
import PostgresClient

extension Parts {
    private static let collectionConnections = 3

    /// Connections for collection, whose sessions take hidden rows for an error.
    func collectionPool() throws -> PostgresPool {
        var configuration = try direct()
        configuration.maximumConnections = Self.collectionConnections
        return PostgresPool(configuration)
    }

    /// - Throws: ``SchemaMissing``, `SaaSTables.Fault`, `PostgresError`.
    func collection(_ pool: PostgresPool) async throws -> PostgresCollection {
        try await PostgresCollection(pool: pool, direct: try direct())
    }

    func bucketMark(_ store: any CollectableStore) -> BucketMark {
        BucketMark(store: store, environment: settings.environment, clock: clock)
    }

    func collectionParts(
        _ catalog: any CollectionCatalog, _ store: any CollectableStore,
        progress: @escaping @Sendable (CollectionProgress) -> Void = { _ in }
    ) -> CollectionParts {
        CollectionParts(
            catalog: catalog, store: store, marker: bucketMark(store), clock: clock, random: random,
            policy: settings.policy.collection, environment: settings.environment, progress: progress)
    }

    /// A place in the state directory for more than memory should hold.
    func spool(_ threads: NIOThreadPool) throws(BlobStoreError) -> any ListingSpool {
        makeStateDirectory()
        return try FileSpool(directory: settings.stateDirectory, threads: threads)
    }

    /// Lends the bucket to a command.
    ///
    /// - Parameter threads: How many system calls may wait for a disk at once.
    func withBucket<T>(
        threads count: Int = 4, syncsTogether: Bool = false,
        _ body: (any CollectableStore, NIOThreadPool) async throws -> T
    ) async throws -> T {
        let threads = NIOThreadPool(numberOfThreads: count)
        threads.start()
        do {
            let bucket = try bucket(threads, syncsTogether: syncsTogether)
            do {
                let value = try await body(bucket.store, threads)
                await bucket.close()
                try await threads.shutdownGracefully()
                return value
            } catch {
                await bucket.close()
                throw error
            }
        } catch {
            try? await threads.shutdownGracefully()
            throw error
        }
    }

    func direct() throws -> PostgresConfiguration {
        var configuration = PostgresConfiguration(uri: try settings.requireDatabase())
        configuration.session = PostgresCollection.session
        return configuration
    }
}
