import BlobStores
import ContentSniffer
import CustodeCore
import NIOPosix
import PostgresCatalog
import PostgresClient

extension Parts {
    /// Threads for the disk: each copy syncs what it writes, and waits for that.
    private static let migrationThreads = 8
    private static let migrationConnections = 12

    /// What a migration is made of, while it lasts.
    struct MigrationScene: Sendable {
        let parts: MigrationParts
        let bucket: any CollectableStore
        let threads: NIOThreadPool
    }

    /// Lends all that migration needs.
    ///
    /// - Throws: ``SchemaMissing``, `SaaSTables.Fault`, `PostgresError`, and what the body throws.
    func withMigration<T>(
        _ progress: ProgressLine, _ body: (MigrationScene) async throws -> T
    ) async throws -> T {
        let pool = try pool(Self.migrationConnections)
        let collectors = try collectionPool()
        let sniffer = try MagicSniffer()
        return try await withBucket(threads: Self.migrationThreads, syncsTogether: true) { store, threads in
            let result: Result<T, any Error>
            do {
                let catalog = try await PostgresCatalog(pool: pool, lookups: pool, beginsTogether: true)
                let put = PutObject(
                    catalog: catalog, store: store, sniffer: MagicTypeSniffer(sniffer: sniffer),
                    policy: settings.policy, clock: clock, random: random)
                let parts = MigrationParts(
                    catalog: try await PostgresMigration(pool: collectors, direct: try direct()), bucket: store,
                    files: try DirectoryStore(path: "/", threads: threads, spansFileSystems: true), put: put,
                    hashing: OpenSSLHashing(),
                    collection: collectionParts(try await collection(collectors), store)
                ) { progress.show($0) }
                result = .success(
                    try await body(MigrationScene(parts: parts, bucket: store, threads: threads)))
            } catch {
                result = .failure(error)
            }
            await pool.close()
            await collectors.close()
            sniffer.shutdown()
            return try result.get()
        }
    }

    /// The directory that is the bucket, if it is one.
    private var bucketFolder: String? {
        if case .directory(let path)? = settings.bucket { path } else { nil }
    }

    /// Reads what `--from` says.
    ///
    /// - Throws: ``LegacySourceFault``; `ValidationError` for what is no source at all.
    func source(_ text: String, _ scene: MigrationScene) throws -> any LegacySource {
        switch SourceName(text) {
        case .directory(let path): try FolderSource(path: path, bucket: bucketFolder, threads: scene.threads)
        case .prefix(let prefix): BucketSource(prefix: prefix, store: scene.bucket)
        case .manifest(let path):
            try ManifestSource(
                path: path, bucket: scene.bucket, bucketFolder: bucketFolder, threads: scene.threads)
        case nil: throw LegacySourceFault(SourceName.help)
        }
    }
}

/// What `--from` may say.
enum SourceName {
    case directory(String)
    case prefix(String)
    case manifest(String)

    static let help = "--from takes dir:/path, prefix:old/ (of the bucket), or manifest:/file.csv or .jsonl"

    /// The directory, if it is one.
    var folder: String? {
        if case .directory(let path) = self { path } else { nil }
    }

    init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return nil }
        switch parts[0] {
        case "dir" where !parts[1].isEmpty: self = .directory(parts[1])
        case "prefix": self = .prefix(parts[1])
        case "manifest" where !parts[1].isEmpty: self = .manifest(parts[1])
        default: return nil
        }
    }
}
