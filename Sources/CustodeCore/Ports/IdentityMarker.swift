/// Which database, in which environment, a bucket belongs to.
public struct StorageIdentity: Sendable, Equatable {
    /// The identity that the database was given with its schema.
    public let uuid: String
    /// The name of the environment; a copy of the database carries the same uuid.
    public let environment: String
    /// The number of the database cluster.
    public let systemID: String

    /// An identity of its three parts.
    public init(uuid: String, environment: String, systemID: String) {
        self.uuid = uuid
        self.environment = environment
        self.systemID = systemID
    }

    /// What of a bucket's identity is not this one, and the way out; `nil` if it is the same.
    public func mismatch(with bucket: StorageIdentity?) -> String? {
        let wayOut =
            "check CUSTODE_BUCKET, CUSTODE_DATABASE_URL and CUSTODE_ENVIRONMENT, and only if they are right run: "
            + "custode schema install --adopt"
        guard let bucket else { return "the bucket does not say whose it is (.custode/identity.json); \(wayOut)" }
        if bucket.environment != environment {
            return "the bucket belongs to the environment \(bucket.environment), and this is \(environment); \(wayOut)"
        }
        if bucket.uuid != uuid { return "the bucket belongs to another database's schema; \(wayOut)" }
        if bucket.systemID != systemID {
            return "the bucket belongs to another database server, or this one was made anew; \(wayOut)"
        }
        return nil
    }
}

/// Reads and writes the mark by which a bucket tells whose it is.
public protocol IdentityMarker: Sendable {
    /// The bucket's identity, and the whole mark as text, another one for each time that it was set; `nil` if it has none.
    ///
    /// - Throws: ``BlobStoreError``; ``BrakeHeld`` if the mark cannot be read as one.
    func read() async throws -> (identity: StorageIdentity, mark: String)?

    /// Marks the bucket as this identity's from now on.
    func set(_ identity: StorageIdentity) async throws
}
