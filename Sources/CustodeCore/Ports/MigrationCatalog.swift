/// What migration asks of the database and writes into it.
///
/// References themselves are switched by ``Catalog/publish(_:)``, object by object.
public protocol MigrationCatalog: Sendable {
    /// Keeps other migrations out until it is let go; `nil` if one is under way.
    func lock() async throws(CatalogError) -> (any MigrationLock)?

    /// The name of the run of this source that was begun last and not ended, which goes on under it.
    func unfinished(_ source: String) async throws(CatalogError) -> String?

    /// Records that a run begins, or goes on.
    func begin(_ run: String, source: String) async throws(CatalogError)

    /// Records how a run ended.
    func finish(_ run: String, _ counts: MigrationCounts) async throws(CatalogError)

    /// The last run of a source, or of any: its name, what it counted, and how many of its references could be put back.
    func last(of source: String?) async throws(CatalogError) -> MigrationStatus?

    /// What refers to each of these files, in the order of the files.
    func matches(_ files: [LegacyFile]) async throws(CatalogError) -> [[LegacyMatch]]

    /// References that were switched and not put back, in the order of their switching.
    ///
    /// - Parameters:
    ///   - run: Whose; `nil` for all of a source.
    ///   - source: Of which source; `nil` for all.
    ///   - last: The number to go on after.
    func rewrites(
        of run: String?, from source: String?, after last: Int64, limit: Int
    ) async throws(CatalogError) -> [RecordedRewrite]

    /// The source of a run; `nil` if there is no such run.
    func source(of run: String) async throws(CatalogError) -> String?

    /// How many references a run switched, put back or not.
    func countRewrites(of run: String) async throws(CatalogError) -> Int64

    /// Puts one reference back, in a transaction under the job's lock.
    func undo(_ rewrite: RecordedRewrite) async throws(CatalogError) -> UndoOutcome

    /// All that was ever switched from these sources, put back or not.
    func rewrites(from sources: [LegacyPlace]) async throws(CatalogError) -> [RecordedRewrite]

    /// Whether rows still refer to these sources, in any spelling by which they ever did or could.
    func areNeeded(_ sources: [LegacyPlace]) async throws(CatalogError) -> [Bool]

    /// Ends a run that was interrupted: the next one begins anew.
    func end(_ run: String) async throws(CatalogError)

    /// Records where the sources of these are about to go, with an audit row for files; nothing of ours keeps them any
    /// more.
    ///
    /// - Parameter removal: The run that does it.
    func beginRemoval(
        _ rewrites: [RecordedRewrite], to places: [String], by removal: String
    ) async throws(CatalogError)

    /// Records what became of them: the place in quarantine of each, or `nil` if it stays.
    func endRemoval(_ rewrites: [RecordedRewrite], _ places: [String?]) async throws(CatalogError)
}

/// Keeps other migrations out.
public protocol MigrationLock: Sendable {
    /// Lets go.
    func release() async
}

/// One row that refers to a file, or did.
public struct LegacyMatch: Sendable, Equatable {
    /// The job, and what it refers to as the object.
    public let found: JobObject
    /// Which object it is.
    public let object: ObjectName
    /// What the row means for the file.
    public let standing: Standing

    /// What a row means for a file.
    public enum Standing: String, Sendable {
        /// It refers to the file.
        case current
        /// It refers to the file, and a newer row of the same job and kind counts.
        case superseded
        /// The reference was switched already, or is to an object of ours.
        case home
        /// The row is said to, by the manifest, and refers to nothing.
        case vacant
        /// The row is said to, by the manifest, and refers to an object of ours that did not come from this file.
        case taken
    }

    /// A row as the catalog found it.
    public init(found: JobObject, object: ObjectName, standing: Standing) {
        self.found = found
        self.object = object
        self.standing = standing
    }
}

/// What is recorded when a reference switches.
public struct Rewrite: Sendable, Equatable {
    /// The run.
    public let run: String
    /// Where the bytes came from.
    public let source: LegacyPlace
    /// What the file was when it was read.
    public let facts: BlobFacts
    /// What the row must refer to when it switches; `nil` for nothing.
    public let reference: String?
    /// How references might mean the source.
    public let spellings: [String]

    /// A switch to record.
    public init(
        run: String, source: LegacyPlace, facts: BlobFacts, reference: String?, spellings: [String] = []
    ) {
        self.run = run
        self.source = source
        self.facts = facts
        self.reference = reference
        self.spellings = spellings
    }
}

/// A reference that was switched.
public struct RecordedRewrite: Sendable, Equatable {
    /// The row.
    public let id: Int64
    /// The job.
    public let job: JobID
    /// Which object of it.
    public let object: ObjectName
    /// What was recorded.
    public let rewrite: Rewrite
    /// What the row refers to since.
    public let key: String
    /// The SHA-256 of the bytes.
    public let sha256: Digest
    /// What of it stands.
    public let state: State
    /// Where in quarantine the source lies, or is about to, if it was removed.
    public let trash: String?
    /// Whether the job still refers to the new key.
    public let isCurrent: Bool
    /// Whether the job is still there.
    public let jobExists: Bool

    /// What may stand of a switch.
    public enum State: String, Sendable {
        /// All of it.
        case open
        /// Its source is about to be set aside, or was.
        case removing
        /// Its source was set aside.
        case removed
        /// The reference was put back.
        case undone
    }

    /// A switch as it was recorded.
    public init(
        id: Int64, job: JobID, object: ObjectName, rewrite: Rewrite, key: String, sha256: Digest, state: State,
        trash: String?, isCurrent: Bool, jobExists: Bool
    ) {
        self.id = id
        self.job = job
        self.object = object
        self.rewrite = rewrite
        self.key = key
        self.sha256 = sha256
        self.state = state
        self.trash = trash
        self.isCurrent = isCurrent
        self.jobExists = jobExists
    }
}

/// How putting a reference back ended.
public enum UndoOutcome: String, Sendable {
    /// The row refers to what it did before.
    case undone
    /// The row refers to something newer, and stays.
    case changed
    /// The job is gone.
    case gone
}

/// What is known of a run.
public struct MigrationStatus: Sendable, Equatable {
    /// Its name.
    public let run: String
    /// Its source.
    public let source: String
    /// When it began.
    public let begun: Timestamp
    /// When it ended; `nil` if it was interrupted or is under way.
    public let ended: Timestamp?
    /// What it counted, if it ended.
    public let counts: MigrationCounts
    /// How many references it switched and nobody put back.
    public let switched: Int64
    /// How many of their sources are still at their places.
    public let sources: Int64

    /// A run as it was recorded.
    public init(
        run: String, source: String, begun: Timestamp, ended: Timestamp?, counts: MigrationCounts, switched: Int64,
        sources: Int64
    ) {
        self.run = run
        self.source = source
        self.begun = begun
        self.ended = ended
        self.counts = counts
        self.switched = switched
        self.sources = sources
    }
}
