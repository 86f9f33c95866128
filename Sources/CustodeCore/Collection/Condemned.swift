/// An object that shall go, as it was when that was decided.
public struct Condemned: Sendable, Equatable {
    /// Its key.
    public let key: QuarantinedKey
    /// What it must still be when it goes.
    public let facts: BlobFacts
    /// Why it goes.
    public let reason: String
    /// Where it goes.
    public let place: TrashPlace

    /// An object on its way into quarantine.
    public init(facts: BlobFacts, reason: String, place: TrashPlace) {
        key = place.key
        self.facts = facts
        self.reason = reason
        self.place = place
    }
}

/// What the last look at an object under its job's lock said.
public struct Judgement: Sendable, Equatable {
    /// What is to be done with it.
    public let verdict: Verdict
    /// Whether its job exists.
    public let jobExists: Bool

    /// The verdicts.
    public enum Verdict: String, Sendable {
        /// Nothing refers to it; it is claimed.
        case dead
        /// Something refers to it.
        case alive
        /// An upload may be about to use it.
        case intent
        /// Somebody else is at it, or at its job; ask again later.
        case busy
    }

    /// A judgement as the catalog gave it.
    public init(_ verdict: Verdict, jobExists: Bool) {
        self.verdict = verdict
        self.jobExists = jobExists
    }
}

/// What became of a claimed object.
public struct Ending: Sendable, Equatable {
    /// Where it was to go, which tells this claim from any other on the same key.
    public let place: TrashPlace
    /// What became of it.
    public let outcome: Outcome

    /// The outcomes.
    public enum Outcome: String, Sendable {
        /// It is in quarantine.
        case quarantined
        /// It is nowhere.
        case absent
        /// It is in its place, and no longer claimed.
        case released
    }

    /// The ending of one claim.
    public init(place: TrashPlace, outcome: Outcome) {
        self.place = place
        self.outcome = outcome
    }
}

/// Whether an object in quarantine may go back to its place.
public enum RestoreVerdict: String, Sendable {
    /// It is claimed for that.
    case claimed = "dead"
    /// Somebody else is at it, or at another writing of it.
    case busy
    /// An upload may be about to write there.
    case intent
}

/// How an object's way back from quarantine ended.
public struct RestoreEnding: Sendable, Equatable {
    /// Where it lay.
    public let place: TrashPlace
    /// Whether it is back.
    public let isBack: Bool

    /// The ending of one restoration.
    public init(place: TrashPlace, isBack: Bool) {
        self.place = place
        self.isBack = isBack
    }
}
