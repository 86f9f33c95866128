/// What became of one file, or would.
public enum MigrationDecision: String, Sendable, CaseIterable {
    /// It would be copied.
    case copy
    /// It was copied, and the reference switched.
    case copied
    /// It is at its place already.
    case alreadyThere = "already_there"
    /// No job or artifact refers to it, or the manifest names a job that is not there.
    case unknownJob = "unknown_job"
    /// Two lines of the manifest give one object different files.
    case twoFiles = "two_files"
    /// A newer artifact of the same job and kind counts.
    case superseded
    /// The job refers to something else as this object.
    case occupied
    /// What it is, the policy does not let this object be.
    case refusedType = "refused_type"
    /// It is larger than the policy lets this object be.
    case tooLarge = "too_large"
    /// It is a symbolic link, a pipe or another thing that holds no bytes of its own.
    case notAFile = "not_a_file"
    /// It is not there.
    case missing
    /// It cannot be read.
    case unreadable
    /// It changed while it was read.
    case changed
    /// The bucket or the database refused it.
    case failed

    /// What a decision counts as.
    public enum Kind: Sendable { case toCopy, copied, skipped, conflict, failed, unknown }

    /// What it counts as.
    public var kind: Kind {
        switch self {
        case .copy: .toCopy
        case .copied: .copied
        case .alreadyThere: .skipped
        case .unknownJob: .unknown
        case .twoFiles, .superseded, .occupied: .conflict
        case .refusedType, .tooLarge, .notAFile, .missing, .unreadable, .changed, .failed: .failed
        }
    }
}

/// A line of the report: one file, as one object of one job, and what became of it.
public struct MigrationRecord: Sendable, Equatable {
    /// The file, as its source names it.
    public var source: String
    /// What became of it.
    public var decision: MigrationDecision
    /// The job, if one refers to it.
    public var job: JobID?
    /// As which object.
    public var object: ObjectName?
    /// Its size in bytes.
    public var size: Int64
    /// Its new key, if it has one.
    public var key: String?
    /// The SHA-256 of its bytes, if they were read.
    public var sha256: Digest?
    /// More about it, for people.
    public var detail: String?

    /// A line.
    public init(
        source: String, decision: MigrationDecision, job: JobID? = nil, object: ObjectName? = nil, size: Int64 = 0,
        key: String? = nil, sha256: Digest? = nil, detail: String? = nil
    ) {
        self.source = source
        self.decision = decision
        self.job = job
        self.object = object
        self.size = size
        self.key = key
        self.sha256 = sha256
        self.detail = detail
    }
}

/// How many files a migration found, and what became of them.
///
/// A file that several rows refer to is found once, and matches as often as it is referred to. What matched is what was
/// copied, skipped, in conflict or failed, and, in a plan, what would be copied.
public struct MigrationCounts: Sendable, Equatable {
    /// Files.
    public var found: Int64 = 0
    /// Files as objects: each once for every row that refers to it.
    public var matched: Int64 = 0
    /// Those that were copied by this run.
    public var copied: Int64 = 0
    /// Those that are at their places already.
    public var skipped: Int64 = 0
    /// Those that somebody must decide about.
    public var conflicts: Int64 = 0
    /// Those that cannot be copied.
    public var failed: Int64 = 0
    /// The bytes of what was copied or, in a plan, of what would be.
    public var bytes: Int64 = 0
    /// Those that would be copied, in a plan.
    public var toCopy: Int64 = 0

    /// Nothing yet.
    public init() {}

    /// Counts what became of a file, as one object; that it was found is counted by whoever lists it.
    mutating func count(_ record: MigrationRecord) {
        let kind = record.decision.kind
        if kind != .unknown { matched += 1 }
        switch kind {
        case .toCopy:
            toCopy += 1
            bytes += record.size
        case .copied:
            copied += 1
            bytes += record.size
        case .skipped: skipped += 1
        case .conflict: conflicts += 1
        case .failed: failed += 1
        case .unknown: break
        }
    }
}
