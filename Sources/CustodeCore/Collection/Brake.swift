/// What stops a collection run before it removes anything.
public enum Brake: String, Sendable, CaseIterable, Error {
    /// No run on this bucket was complete before.
    case firstRun = "first_run"
    /// Another run leads.
    case leader
    /// Nothing is live, or much less than in the last good run.
    case live
    /// A large share of the objects would go.
    case percent
    /// Many objects would go.
    case objects
    /// Many bytes would go.
    case bytes
    /// Many users would lose everything.
    case users
    /// The database is a standby.
    case standby
    /// Row-level security may hide rows.
    case rowSecurity = "row_security"
    /// The bucket's listing failed, or is not in order.
    case listing
    /// The bucket's service refuses all work until somebody pays.
    case quota
    /// Clocks differ.
    case clockSkew = "clock_skew"
    /// What was listed is too long ago.
    case planAge = "plan_age"
    /// Bucket and database are not of the same identity.
    case identity
    /// A reference cannot be understood.
    case reference
    /// The database does not carry the schema that this program needs.
    case schema

    /// Whether it guards how much goes, and an operator who has looked at the plan may lift it.
    public var isVolume: Bool {
        switch self {
        case .live, .percent, .objects, .bytes, .users: true
        default: false
        }
    }
}

/// A brake that holds, and why.
public struct BrakeHeld: Error, Sendable, Equatable {
    /// Which one.
    public let brake: Brake
    /// One sentence: what was found, and the way out.
    public let sentence: String

    /// A brake with its reason.
    public init(_ brake: Brake, _ sentence: String) {
        self.brake = brake
        self.sentence = sentence
    }
}

extension BrakeHeld {
    /// What a bucket that is over its quota stops: nothing is tried, and so nothing counted as failed, until there is room.
    static let overQuota = BrakeHeld(
        .quota,
        "the bucket is full or over its quota, and its service refuses even removals; enlarge it, or pay, and collection goes "
            + "on by itself")
}

/// How much a sweep would remove, beside how much there is.
public struct SweepVolume: Sendable, Equatable {
    /// Objects of our naming in the bucket.
    public var objects: Int64 = 0
    /// Objects due.
    public var due: Int64 = 0
    /// Their bytes.
    public var bytesDue: Int64 = 0
    /// Users of whom everything is due.
    public var wholeUsers: Int64 = 0
    /// References of jobs and artifacts.
    public var liveReferences: Int64 = 0
    /// The same in the last complete run, if there was one.
    public var lastLiveReferences: Int64?

    /// Nothing at all.
    public init() {}
}

extension Policy.Brakes {
    /// The first brake that holds for such a volume; each holds just above its bound, not at it.
    public func held(by volume: SweepVolume) -> BrakeHeld? {
        if volume.liveReferences == 0, volume.objects > 0 || (volume.lastLiveReferences ?? 0) > 0 {
            return BrakeHeld(
                .live,
                "the database refers to nothing at all, while the bucket holds \(volume.objects) objects; check that "
                    + "CUSTODE_DATABASE_URL is the right database" + Self.wayOut)
        }
        if let last = volume.lastLiveReferences, Double(volume.liveReferences) * 100 < Double(last) * livePercent {
            return BrakeHeld(
                .live,
                "the database refers to \(volume.liveReferences) objects, and to \(last) in the last run; check that it "
                    + "is whole" + Self.wayOut)
        }
        if volume.objects >= Int64(minimumObjects), Double(volume.due) * 100 > Double(volume.objects) * percent {
            return BrakeHeld(
                .percent, "\(volume.due) of \(volume.objects) objects would go, more than \(percent) %" + Self.wayOut)
        }
        if volume.due > Int64(objects) {
            return BrakeHeld(.objects, "\(volume.due) objects would go, more than \(objects)" + Self.wayOut)
        }
        if volume.bytesDue > bytes {
            return BrakeHeld(.bytes, "\(volume.bytesDue) bytes would go, more than \(bytes)" + Self.wayOut)
        }
        if volume.wholeUsers > Int64(users) {
            return BrakeHeld(
                .users, "\(volume.wholeUsers) users would lose everything, more than \(users)" + Self.wayOut)
        }
        return nil
    }

    private static let wayOut = "; if it is right, run again with --override and the plan hash"
}
