/// What collection asks of the database and writes into it.
///
/// Every call stops with an error where rows may be hidden from it: what cannot be seen is not gone.
public protocol CollectionCatalog: Sendable {
    /// What must be known before a run: read only, and possible on a standby.
    func circumstances() async throws(CatalogError) -> Circumstances

    /// Makes this run the one leader; `nil` if another leads.
    ///
    /// - Parameter lease: How long the leadership lasts without a sign of life.
    func lead(_ run: CollectionRun, lease: Duration) async throws(CatalogError) -> (any CollectionLeadership)?

    /// Records a run that needs no leadership.
    func begin(_ run: CollectionRun) async throws(CatalogError)

    /// Records how a run ended.
    func finish(_ run: CollectionRun, _ report: CollectionReport) async throws(CatalogError)

    /// Tells the outbox of uploads whose lease has lapsed, once each.
    func lapseIntents() async throws(CatalogError)

    /// How much waits in the outbox.
    func outbox(_ timing: OutboxTiming) async throws(CatalogError) -> OutboxState

    /// Takes events that are due; nobody else gets them meanwhile.
    ///
    /// - Parameter claim: How long without a sign of life for their objects.
    func claimEvents(
        _ timing: OutboxTiming, run: String, limit: Int, for claim: Duration
    ) async throws(CatalogError) -> [OutboxEvent]

    /// Drops events that have been dealt with.
    func dropEvents(_ ids: [Int64]) async throws(CatalogError)

    /// Gives events back that could not be dealt with for no fault of theirs.
    func releaseEvents(_ ids: [Int64]) async throws(CatalogError)

    /// Notes why events failed; those that fail time and again are parked.
    func noteFailures(_ failures: [EventFailure]) async throws(CatalogError)

    /// Forgets published objects that nothing refers to and that are nowhere.
    func forgetAbsent(_ keys: [String]) async throws(CatalogError)

    /// Takes the last look at objects under their jobs' locks, and claims the dead with an audit row each.
    ///
    /// - Parameter claim: How long a claim lasts without a sign of life.
    /// - Throws: ``CatalogError/superseded`` if the fence does not hold any more.
    func condemn(
        _ objects: [Condemned], run: String, fence: Fence?, for claim: Duration
    ) async throws(CatalogError) -> [Judgement]

    /// Gives a sign of life for objects that a run has claimed, by their places in the trash: the claims, those on the
    /// events that told of them, and the leadership last so long from now.
    ///
    /// - Throws: ``CatalogError/superseded`` if one of the claims has lapsed or is another's, or the fence does not hold
    ///   any more; then nothing is renewed.
    func renewClaims(
        _ places: [TrashPlace], run: String, fence: Fence?, for claim: Duration
    ) async throws(CatalogError)

    /// Records what became of claimed objects.
    func settle(_ endings: [Ending], at moment: Timestamp) async throws(CatalogError)

    /// Objects that a run claimed and did not settle: those of leaders before, and those whose claim has lapsed.
    func interrupted(fence: Fence?, limit: Int) async throws(CatalogError) -> [Condemned]

    /// When these objects were quarantined, by their places in the trash; `nil` for what the catalog does not know.
    func quarantined(_ places: [TrashPlace]) async throws(CatalogError) -> [Timestamp?]

    /// What the catalog believes in quarantine since before a moment, the longest there first.
    func trash(before moment: Timestamp, limit: Int) async throws(CatalogError) -> [TrashPlace]

    /// Takes the last look at quarantined objects, and audits those that nothing refers to; true for these.
    func condemnTrash(
        _ places: [TrashPlace], run: String, fence: Fence?
    ) async throws(CatalogError) -> [Bool]

    /// Forgets quarantined objects that are gone.
    func forgetTrash(_ places: [TrashPlace]) async throws(CatalogError)

    /// The newest place in the trash of an object, if the catalog knows one.
    func newestTrash(of key: String) async throws(CatalogError) -> TrashPlace?

    /// Claims quarantined objects for their way back, with an audit row each; no upload that begins later chooses the key
    /// of one.
    ///
    /// - Parameter claim: How long a claim lasts without a sign of life.
    func beginRestore(
        _ places: [TrashPlace], run: String, for claim: Duration
    ) async throws(CatalogError) -> [RestoreVerdict]

    /// Ends their way back: those that are back are remembered again, and start anew.
    func endRestore(_ endings: [RestoreEnding]) async throws(CatalogError)

    /// Published objects behind a key, in the order of their keys.
    func published(after key: String?, slice: ObjectSlice, limit: Int) async throws(CatalogError) -> [ObjectRecord]

    /// Which of these keys something refers to.
    func referenced(_ keys: [String]) async throws(CatalogError) -> [Bool]

    /// Of which of these keys an upload under way may make an object.
    func uploading(_ keys: [String]) async throws(CatalogError) -> [Bool]
}

/// The leadership of one run.
///
/// It ends with ``resign()``, or when its holder gives no sign of life for a lease.
public protocol CollectionLeadership: Sendable {
    /// What proves the leadership in each transaction.
    var fence: Fence { get }

    /// Renews the lease.
    ///
    /// - Throws: ``CatalogError/superseded`` if it lapsed.
    func renew() async throws(CatalogError)

    /// Reads what is known of keys, in one snapshot of the moment, in the order of the keys' bytes.
    func knowledge() async throws(CatalogError) -> any KnowledgeReader

    /// What is known of keys that nothing refers to, in their order.
    func memories(of keys: [ObjectKey]) async throws(CatalogError) -> [Memory]

    /// Makes these orphans, and no others, the ones that a complete run has seen, and ends the run, in one transaction.
    ///
    /// They are remembered from when they were first seen; from now if this was the first run on its bucket.
    ///
    /// - Throws: ``CatalogError``, or what reading the orphans throws; then nothing is recorded.
    func complete(_ run: CollectionRun, _ report: CollectionReport, seen: any BlobListing) async throws

    /// Gives the leadership up.
    func resign() async
}

/// Reads ``Knowledge`` a page at a time.
public protocol KnowledgeReader: Sendable {
    /// The next facts; empty after the last.
    func next() async throws(CatalogError) -> [Knowledge]

    /// Lets go of the snapshot.
    func close() async
}

/// One thing that the database knows of a key.
public struct Knowledge: Sendable, Equatable {
    /// The key, or whatever else a reference says.
    public let key: String
    /// What is known.
    public let fact: Fact

    /// The kinds of knowledge.
    public enum Fact: Sendable, Equatable {
        /// A job or an artifact refers to it.
        case reference
        /// Its bytes are on their way.
        case intent
        /// The outbox waits to look at it.
        case event
        /// Complete runs saw it as an orphan since this moment, as this writing of it.
        case sighting(since: Timestamp, etag: String, size: Int64)
    }

    /// A fact about a key.
    public init(key: String, fact: Fact) {
        self.key = key
        self.fact = fact
    }
}

/// What is remembered of a key that nothing refers to.
public struct Memory: Sendable, Equatable {
    /// Whether its job exists.
    public let jobExists: Bool
    /// Whether an upload or a publication of ours wrote it.
    public let isOurs: Bool

    /// A memory as the catalog told it.
    public init(jobExists: Bool, isOurs: Bool) {
        self.jobExists = jobExists
        self.isOurs = isOurs
    }
}

/// Proof of leadership.
public struct Fence: Sendable, Equatable {
    /// The number of the leadership; each is larger than all before.
    public let epoch: Int64
    /// How long it lasts from each renewal.
    public let lease: Duration

    /// The proof of one leadership.
    public init(epoch: Int64, lease: Duration) {
        self.epoch = epoch
        self.lease = lease
    }
}

/// The world that a run finds.
public struct Circumstances: Sendable {
    /// Whether the database is a standby, which may lag behind.
    public var isStandby: Bool
    /// Whether row-level security may hide rows from this role.
    public var rowsMayBeHidden: Bool
    /// The database's clock.
    public var clock: Timestamp
    /// The identity of the storage, as the database holds it, and of the database itself.
    public var uuid: String
    /// The number of the database cluster.
    public var systemID: String
    /// The last complete sweep of this bucket.
    public var lastSweep: (marker: String, liveReferences: Int64)?

    /// Circumstances as a catalog found them.
    public init(
        isStandby: Bool, rowsMayBeHidden: Bool, clock: Timestamp, uuid: String, systemID: String,
        lastSweep: (marker: String, liveReferences: Int64)? = nil
    ) {
        self.isStandby = isStandby
        self.rowsMayBeHidden = rowsMayBeHidden
        self.clock = clock
        self.uuid = uuid
        self.systemID = systemID
        self.lastSweep = lastSweep
    }
}
