/// What every use case of collection works with.
public struct CollectionParts: Sendable {
    let catalog: any CollectionCatalog
    let store: any CollectableStore
    let marker: any IdentityMarker
    let clock: any WallClock
    let random: any RandomSource
    let policy: Policy.Collection
    let environment: String
    /// Waits; a value, so that tests need not.
    let pause: @Sendable (Duration) async throws -> Void
    /// Told now and then how far it has come.
    let progress: @Sendable (CollectionProgress) -> Void

    /// The parts of one deployment.
    public init(
        catalog: any CollectionCatalog, store: any CollectableStore, marker: any IdentityMarker, clock: any WallClock,
        random: any RandomSource, policy: Policy.Collection, environment: String,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await ContinuousClock().sleep(for: $0) },
        progress: @escaping @Sendable (CollectionProgress) -> Void = { _ in }
    ) {
        self.catalog = catalog
        self.store = store
        self.marker = marker
        self.clock = clock
        self.random = random
        self.policy = policy
        self.environment = environment
        self.pause = pause
        self.progress = progress
    }

    /// A run of this kind that begins now.
    func run(_ kind: CollectionRun.Kind, asOf: Timestamp? = nil, isDry: Bool = false) -> CollectionRun {
        let moment = asOf ?? clock.now()
        return CollectionRun(id: RunID.make(moment, random), kind: kind, asOf: moment, isDry: isDry)
    }

    /// Says, all the while, whether a claim made at a moment still holds.
    ///
    /// Whoever slept longer must not act on it: somebody else may have, meanwhile.
    func holding(since asked: Timestamp, for claim: Duration) -> @Sendable () -> Bool {
        let (clock, end) = (clock, asked + claim)
        return { clock.now() < end }
    }

    /// A claim asked for at a moment.
    func claim(since asked: Timestamp, for length: Duration) -> Claim {
        Claim(since: asked, for: length, clock: clock, pause: pause)
    }

    func timing(_ run: CollectionRun) -> OutboxTiming { OutboxTiming(asOf: run.asOf, delay: policy.outboxDelay) }
}

/// How far a long work has come.
public struct CollectionProgress: Sendable, Equatable {
    /// What is being done.
    public enum Phase: String, Sendable {
        /// The bucket is listed.
        case listing
        /// The listing is compared with the database.
        case comparing
        /// Objects go into quarantine.
        case quarantining
        /// Objects leave quarantine for good.
        case purging
        /// Objects come back from quarantine.
        case restoring
        /// Objects are read and compared with their checksums.
        case scrubbing
        /// Files from before are compared with the database.
        case planning
        /// Files from before are copied.
        case migrating
        /// Files whose copies took their places go into quarantine.
        case removing
        /// References are put back.
        case undoing
    }

    /// What is being done.
    public let phase: Phase
    /// How many objects of it are done.
    public let done: Int64
    /// How many there are, where that is known.
    public let total: Int64?
    /// How many bytes are done, where bytes take the time.
    public let bytes: Int64

    /// A point on the way.
    public init(_ phase: Phase, done: Int64, total: Int64? = nil, bytes: Int64 = 0) {
        self.phase = phase
        self.done = done
        self.total = total
        self.bytes = bytes
    }
}
