/// Where an object lies in quarantine: `.trash/{date}/{run}/{key}`.
public struct TrashPlace: Sendable, Hashable {
    /// What every place in quarantine begins with.
    public static let root = ".trash/"

    /// The day of the run, such as `2026-11-25`.
    public let date: String
    /// The run that put it there.
    public let run: String
    /// Its own key.
    public let key: QuarantinedKey

    /// The place that a run gives an object on a day.
    public init(of key: ObjectKey, run: String, on moment: Timestamp) {
        self.init(of: QuarantinedKey(key), run: run, on: moment)
    }

    /// The place that a run gives an object on a day.
    ///
    /// Only of a run that removes what was migrated can it be read back for a key that is not of our naming.
    public init(of key: QuarantinedKey, run: String, on moment: Timestamp) {
        date = String(moment.rfc3339.prefix(10))
        self.run = run
        self.key = key
    }

    /// Reads a place back, accepting exactly what is written; `nil` for anything else.
    public init?(parsing text: String) {
        // By bytes: a mark that combines would hide the slash before it.
        let parts = text.utf8.split(separator: 0x2F, maxSplits: 3, omittingEmptySubsequences: false).map {
            Substring($0)
        }
        guard parts.count == 4, parts[0] == ".trash", Self.isDate(parts[1]), RunID.isWellFormed(parts[2]),
            let key = Self.key(String(parts[3]), run: parts[2])
        else { return nil }
        date = String(parts[1])
        run = String(parts[2])
        self.key = key
    }

    /// The place as the bucket knows it.
    public var text: String { "\(Self.root)\(date)/\(run)/\(key.text)" }

    private static func key(_ text: String, run: Substring) -> QuarantinedKey? {
        if let key = ObjectKey(parsing: text) { return QuarantinedKey(key) }
        // Anything else that lies there is nobody's to bring back or to remove.
        return RunID.removesSources(run) ? QuarantinedKey(any: text) : nil
    }

    private static func isDate(_ text: Substring) -> Bool {
        text.utf8.count == 10
            && zip(text.utf8, "dddd-dd-dd".utf8).allSatisfy { $1 == 0x2D ? $0 == 0x2D : (0x30...0x39).contains($0) }
    }
}

/// The name of a collection run, which sorts by its beginning: `20261125T030000Z-k3x9qa`.
public enum RunID {
    /// A name for a run that begins now.
    public static func make(_ now: Timestamp, _ random: any RandomSource) -> String {
        let digits = now.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" }
        return "\(digits)Z-\(random.keySuffix())"
    }

    private static let removalMark = "-sources"

    /// A name for a run that begins now and sets aside what was migrated.
    static func makeForRemoval(_ now: Timestamp, _ random: any RandomSource) -> String {
        make(now, random) + removalMark
    }

    /// Whether a run is one that sets aside what was migrated.
    public static func removesSources(_ run: some StringProtocol) -> Bool { run.hasSuffix(removalMark) }

    /// Whether a text can be the name of a run.
    public static func isWellFormed(_ text: some StringProtocol) -> Bool {
        (1...64).contains(text.utf8.count) && !text.hasPrefix(".")
            && text.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || $0 == 0x2D
            }
    }
}
