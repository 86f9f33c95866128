/// What every use case of migration works with.
public struct MigrationParts: Sendable {
    let catalog: any MigrationCatalog
    let bucket: any CollectableStore
    /// The whole file system: its keys are absolute paths without the first slash.
    let files: any CollectableStore
    let put: PutObject
    let hashing: any Hashing
    /// Collection's parts, for quarantine in the bucket.
    let collection: CollectionParts
    let progress: @Sendable (CollectionProgress) -> Void

    var clock: any WallClock { collection.clock }
    var pause: @Sendable (Duration) async throws -> Void { collection.pause }

    /// The parts of one deployment.
    public init(
        catalog: any MigrationCatalog, bucket: any CollectableStore, files: any CollectableStore, put: PutObject,
        hashing: any Hashing, collection: CollectionParts,
        progress: @escaping @Sendable (CollectionProgress) -> Void = { _ in }
    ) {
        self.catalog = catalog
        self.bucket = bucket
        self.files = files
        self.put = put
        self.hashing = hashing
        self.collection = collection
        self.progress = progress
    }

    /// The source of a run; `nil` if there is no such run.
    public func source(of run: String) async throws(CatalogError) -> String? { try await catalog.source(of: run) }

    /// What is known of the last run of a source, or of any.
    public func status(of source: String?) async throws(CatalogError) -> MigrationStatus? {
        try await catalog.last(of: source)
    }

    /// How many published objects are looked for in a bucket without a mark.
    private static let sample = 20

    /// Does something that no other migration may do meanwhile, if the bucket and the database belong together.
    ///
    /// - Throws: ``MigrationUnderWay``, ``BrakeHeld``; what the body throws.
    func alone<T>(_ body: () async throws -> T) async throws -> T {
        try await check()
        guard let lock = try await catalog.lock() else { throw MigrationUnderWay() }
        let result: Result<T, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        await lock.release()
        return try result.get()
    }

    /// Looks whether the bucket and the database may belong together, and nothing is hidden.
    ///
    /// - Throws: ``BrakeHeld`` if not; ``CatalogError``, ``BlobStoreError``.
    func check() async throws {
        let circumstances = try await collection.catalog.circumstances()
        if circumstances.rowsMayBeHidden { throw BrakeHeld.rowsMayBeHidden }
        let ours = StorageIdentity(
            uuid: circumstances.uuid, environment: collection.environment, systemID: circumstances.systemID)
        if let found = try await collection.marker.read() {
            if let mismatch = ours.mismatch(with: found.identity) { throw BrakeHeld(.identity, mismatch) }
            return
        }
        // One that nobody marked may be full of files from before; but what is published must be in it.
        let published = try await collection.catalog.published(after: nil, slice: .all, limit: Self.sample)
        let isStrange =
            published.isEmpty
            ? try await bucket.list(ListingScope(excluding: [TrashPlace.root, ".custode/"])).next() == nil
            : try await bucket.facts(of: published.map(\.key)).allSatisfy { $0 == nil }
        if isStrange {
            throw BrakeHeld(
                .identity,
                "the bucket is not marked as this database's, and holds nothing of it; is CUSTODE_BUCKET the right one? If so, "
                    + "run: custode schema install, with --adopt if it is not empty")
        }
    }

    /// The store that holds a file, and its key there.
    func locate(_ place: LegacyPlace) -> (store: any CollectableStore, key: String) {
        switch place {
        case .file(let path): (files, String(path.utf8.drop { $0 == 0x2F }) ?? "")
        case .object(let key): (bucket, key)
        }
    }
}

/// Why a migration stopped before its end; what it did is done, and the same command goes on.
public struct MigrationHalted: Error, CustomStringConvertible, Sendable {
    /// One sentence that says what to do.
    public let description: String
}

/// Another migration is under way.
public struct MigrationUnderWay: Error, CustomStringConvertible, Sendable {
    /// One sentence that says what to do.
    public let description = "another migration is under way; wait for it, or stop it"
}
