/// Reads typed values out of a flattened policy file and the environment, gathering every fault.
///
/// The environment wins: `collection.outbox_delay` is overridden by
/// `CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY`.
struct PolicyReader {
    private let file: [String: PolicyValue]
    private let environment: [String: String]
    private var read: Set<String> = []
    private(set) var faults: [String] = []

    init(file: [String: PolicyValue], environment: [String: String]) {
        self.file = file
        self.environment = environment
    }

    /// The names that stand directly below a prefix in the file.
    func names(below prefix: String) -> [String] {
        let names = file.keys.filter { $0.hasPrefix(prefix + ".") }
            .map { $0.dropFirst(prefix.count + 1).prefix { $0 != "." } }
        return Set(names.map(String.init)).sorted()
    }

    /// Everything in the file and the environment that nothing asked for: spelling mistakes, mostly.
    func unread() -> [String] {
        let variables = Set(read.map(Self.variable))
        return file.keys.filter { !read.contains($0) }.sorted().map { "\($0): no such key in the policy" }
            + environment.keys.filter { $0.hasPrefix("CUSTODE_POLICY_") && !variables.contains($0) }.sorted()
            .map { "\($0): no such key in the policy" }
    }

    mutating func duration(_ key: String, default fallback: Duration? = nil) -> Duration {
        value(
            key, default: fallback, or: .zero, "a time such as 90s, 15m, 48h or 14d, of at most 36500d",
            Quantity.duration)
    }

    mutating func bytes(_ key: String, default fallback: Int64? = nil) -> Int64 {
        value(key, default: fallback, or: 0, "a size such as 500KiB, 2GiB or 1000", Quantity.bytes)
    }

    mutating func count(_ key: String, default fallback: Int? = nil) -> Int {
        value(key, default: fallback, or: 0, "a whole number") { text in Int(text).flatMap { $0 >= 0 ? $0 : nil } }
    }

    mutating func percent(_ key: String, default fallback: Double? = nil) -> Double {
        value(key, default: fallback, or: 0, "a percentage from 0 to 100") { text in
            Double(text).flatMap { (0...100).contains($0) ? $0 : nil }
        }
    }

    mutating func list(_ key: String, default fallback: [String]? = nil) -> [String] {
        read.insert(key)
        if let text = environment[Self.variable(key)] {
            return text.split(separator: ",").map { String($0.drop { $0 == " " }) }
        }
        switch file[key] {
        case .list(let items): return items
        case .scalar(let item): return [item]
        case nil:
            if fallback == nil { faults.append("\(key): missing") }
            return fallback ?? []
        }
    }

    mutating func families(_ key: String) -> Set<MediaFamily> {
        var families: Set<MediaFamily> = []
        for name in list(key) {
            if let family = MediaFamily(rawValue: name) {
                families.insert(family)
            } else {
                let known = MediaFamily.allCases.map(\.rawValue).joined(separator: ", ")
                faults.append("\(key): \(name) is not a family; the families are \(known)")
            }
        }
        if families.isEmpty, faults.last?.hasPrefix(key) != true { faults.append("\(key): wants at least one family") }
        return families
    }

    mutating func fault(_ text: String) { faults.append(text) }

    private mutating func value<T>(
        _ key: String, default fallback: T?, or placeholder: T, _ expected: String, _ parse: (String) -> T?
    ) -> T {
        read.insert(key)
        let variable = Self.variable(key)
        let (name, text): (String, String)
        if let override = environment[variable] {
            (name, text) = (variable, override)
        } else if case .scalar(let scalar) = file[key] {
            (name, text) = (key, scalar)
        } else if file[key] != nil {
            faults.append("\(key): wants \(expected), not a list")
            return placeholder
        } else {
            if fallback == nil { faults.append("\(key): missing; it wants \(expected)") }
            return fallback ?? placeholder
        }
        guard let parsed = parse(text) else {
            faults.append("\(name): \(text) is not \(expected)")
            return placeholder
        }
        return parsed
    }

    private static func variable(_ key: String) -> String {
        "CUSTODE_POLICY_" + key.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }
}

/// One leaf of a policy file.
public enum PolicyValue: Sendable, Equatable {
    /// A single value, as it was spelled.
    case scalar(String)
    /// A list of values.
    case list([String])
}

/// Times and sizes as people write them.
public enum Quantity {
    /// The longest time there is, a hundred years: no moment so far from now is beyond what can be computed with.
    public static let longest = Duration.seconds(36_500 * 86_400)

    /// Reads `250ms`, `90s`, `15m`, `48h` or `14d`; `nil` for anything else, and for more than ``longest``.
    public static func duration(_ text: String) -> Duration? {
        let units: [(String, Int64)] = [
            ("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
        ]
        return scaled(text, units).map { .milliseconds($0) }.flatMap { $0 <= longest ? $0 : nil }
    }

    /// Reads `1000`, `500KB` (thousands) or `2GiB` (powers of 1,024); `nil` for anything else.
    public static func bytes(_ text: String) -> Int64? {
        let units: [(String, Int64)] = [
            ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
            ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1),
        ]
        return scaled(text, units + [("", 1)])
    }

    private static func scaled(_ text: String, _ units: [(String, Int64)]) -> Int64? {
        for (unit, factor) in units where text.hasSuffix(unit) {
            let digits = text.dropLast(unit.count)
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(digits) else { continue }
            let (product, overflow) = number.multipliedReportingOverflow(by: factor)
            return overflow ? nil : product
        }
        return nil
    }
}
