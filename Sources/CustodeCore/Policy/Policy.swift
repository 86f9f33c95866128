/// What the service enforces, as data: `policies/storage.yaml`.
public struct Policy: Sendable, Equatable {
    /// The rules of each object, by name; `input` is always among them.
    public var objects: [ObjectName: ObjectRule]
    /// What narrows the input of each job type.
    public var inputs: [JobType: InputRule]
    /// The lives of links.
    public var links: Links
    /// The bounds of uploads.
    public var uploads: Uploads
    /// How often callers may come.
    public var rates: Rates
    /// How what nobody refers to is collected.
    public var collection: Collection

    /// What one object may hold.
    public struct ObjectRule: Sendable, Equatable {
        /// The families of types it accepts.
        public var families: Set<MediaFamily>
        /// Its largest size in bytes.
        public var maximumBytes: Int64
        /// The file name extensions its keys may carry; the first stands in for any other.
        public var extensions: [String]

        /// Whether it is text of some kind, judged as UTF-8 rather than by its first bytes.
        public var isTextual: Bool { families.isSubset(of: [.text, .json, .subtitles]) }
    }

    /// What the input of one job type may hold.
    public struct InputRule: Sendable, Equatable {
        /// The families of types it accepts.
        public var families: Set<MediaFamily>
        /// Its largest size in bytes.
        public var maximumBytes: Int64
    }

    /// The lives of links.
    public struct Links: Sendable, Equatable {
        /// How long a link lives when nobody says.
        public var defaultTTL: Duration
        /// How long a link may live at most.
        public var maximumTTL: Duration
    }

    /// The bounds of uploads.
    public struct Uploads: Sendable, Equatable {
        /// How long a resumable upload may rest.
        public var expires: Duration
        /// How many a user may have open.
        public var maximumOpenPerUser: Int
        /// How many bytes a user may upload in a day.
        public var maximumBytesPerUserPerDay: Int64
    }

    /// How often callers may come, at each replica.
    public struct Rates: Sendable, Equatable {
        /// Each service key, whomever it acts for.
        public var serviceKey: CallerRate
        /// Each user that service keys act for.
        public var user: CallerRate
        /// Each user that comes with a token of its own.
        public var userToken: CallerRate
    }

    /// How often one caller may come; 0 is without a limit.
    public struct CallerRate: Sendable, Equatable {
        /// How many requests a second, in the long run.
        public var requestsPerSecond: Int
        /// How many requests at once, after a rest.
        public var burst: Int
        /// How many links a minute; as many at once, after a rest.
        public var linksPerMinute: Int
    }

    /// How what nobody refers to is collected.
    public struct Collection: Sendable, Equatable {
        /// How long after a reference went its bytes are looked at.
        public var outboxDelay: Duration
        /// How often the worker looks.
        public var workerPoll: Duration
        /// The age below which the sweep touches nothing.
        public var grace: Duration
        /// How far apart the two runs must be that see an orphan.
        public var runsApart: Duration
        /// How long quarantine keeps.
        public var trashTTL: Duration
        /// How long an upload is believed alive without a sign of life.
        public var intentLease: Duration
        /// How long a collection run leads, and a claim on objects holds, without a sign of life.
        public var leaderLease: Duration
        /// Regular expressions of references from before, which no run takes for a mistake.
        public var legacyReferences: [String]
        /// What stops a run.
        public var brakes: Brakes
    }

    /// What stops a collection run before it removes anything.
    public struct Brakes: Sendable, Equatable {
        /// The share of objects, in percent, that may go in one run.
        public var percent: Double
        /// From how many objects up the share counts.
        public var minimumObjects: Int
        /// How many objects may go in one run.
        public var objects: Int
        /// How many bytes may go in one run.
        public var bytes: Int64
        /// How many users may lose everything in one run.
        public var users: Int
        /// What the live set must at least be, in percent of the last good run's.
        public var livePercent: Double
    }

    /// The rules of an object; `nil` if the policy does not know it.
    public func rule(for object: ObjectName) -> ObjectRule? { objects[object] }

    /// What an object of a job of this type may hold; `nil` if the policy does not know it.
    public func limits(for object: ObjectName, of type: JobType) -> ObjectRule? {
        guard var rule = objects[object] else { return nil }
        if object.isInput {
            guard let input = inputs[type] else { return nil }
            rule.families.formIntersection(input.families)
            rule.maximumBytes = min(rule.maximumBytes, input.maximumBytes)
        }
        return rule
    }
}
