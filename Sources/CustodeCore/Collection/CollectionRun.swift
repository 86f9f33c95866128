/// One run of collection, as it is recorded.
public struct CollectionRun: Sendable {
    /// Its name.
    public let id: String
    /// What it does.
    public let kind: Kind
    /// The moment that counts as now for ages, delays and the spacing of runs.
    public let asOf: Timestamp
    /// Whether it changes nothing.
    public let isDry: Bool
    /// The marker of the bucket, as text: what was known of another bucket does not count.
    public var marker: String?

    /// The kinds of run.
    public enum Kind: String, Sendable {
        /// The whole bucket is compared with the whole database.
        case sweep
        /// The outbox is drained, by command.
        case outbox
        /// The outbox is drained, by the service.
        case worker
        /// Something is brought back from quarantine.
        case restore
        /// What was migrated elsewhere is set aside.
        case removal
    }

    /// A run that begins.
    public init(id: String, kind: Kind, asOf: Timestamp, isDry: Bool = false, marker: String? = nil) {
        self.id = id
        self.kind = kind
        self.asOf = asOf
        self.isDry = isDry
        self.marker = marker
    }
}

/// What a run found and did.
public struct CollectionReport: Sendable, Equatable {
    /// How a run ended.
    public enum Verdict: String, Sendable {
        /// It did what was to be done.
        case done
        /// It changed nothing, as it was to.
        case dry
        /// A brake held.
        case blocked
        /// It could not be finished.
        case failed
    }

    /// The name of the run.
    public var runID: String
    /// How it ended.
    public var verdict = Verdict.failed
    /// Which brake holds.
    public var brake: Brake?
    /// What happened, in one sentence that says what to do.
    public var detail: String?
    /// The SHA-256 over what is due, for the override.
    public var planHash: String?
    /// Objects in the bucket.
    public var listed: Int64 = 0
    /// Objects that something refers to.
    public var live: Int64 = 0
    /// Objects that an upload may be about to use.
    public var intent: Int64 = 0
    /// Objects that nothing refers to, too new to judge.
    public var young: Int64 = 0
    /// Objects that are not of our naming.
    public var foreign: Int64 = 0
    /// Objects of jobs that exist, and refer to others.
    public var stray: Int64 = 0
    /// Objects of jobs that do not exist.
    public var orphan: Int64 = 0
    /// References whose bytes are not there.
    public var missing: Int64 = 0
    /// Objects whose time has come, by the sweep.
    public var due: Int64 = 0
    /// Their bytes.
    public var bytesDue: Int64 = 0
    /// Objects that went into quarantine.
    public var quarantined: Int64 = 0
    /// Their bytes.
    public var bytesQuarantined: Int64 = 0
    /// Objects that left quarantine for good.
    public var purged: Int64 = 0
    /// Objects that could not be moved or removed.
    public var failed: Int64 = 0
    /// Why, for the first of them.
    public var failure: String?
    /// Events of the outbox that wait.
    public var outboxPending: Int64 = 0
    /// Events of the outbox that failed too often.
    public var parked: Int64 = 0
    /// What the jobs and artifacts refer to, in number.
    public var liveReferences: Int64 = 0
    /// How long it took.
    public var seconds = 0.0

    /// An empty report.
    public init(runID: String) { self.runID = runID }

    /// Counts an object that could not be moved or removed.
    mutating func noteFailure(_ key: String, _ reason: String) {
        failed += 1
        failure = failure ?? "\(key): \(reason)"
    }
}

/// A part of all objects, chosen by their keys: the first of 30 is `1/30`.
public struct ObjectSlice: Sendable, Equatable {
    /// All of them.
    public static let all = ObjectSlice(index: 0, count: 1)

    /// Which part, from 0.
    public let index: Int
    /// Of how many.
    public let count: Int

    private init(index: Int, count: Int) {
        self.index = index
        self.count = count
    }

    /// Reads `i/n` with i from 1 to n, or `today/n`, which is another one each day; `nil` for anything else.
    public init?(_ text: String, today: Timestamp) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[1]), (1...10_000).contains(count) else { return nil }
        if parts[0] == "today" {
            self.init(index: Int(today.seconds / 86_400) % count, count: count)
        } else {
            guard let number = Int(parts[0]), (1...count).contains(number) else { return nil }
            self.init(index: number - 1, count: count)
        }
    }
}
