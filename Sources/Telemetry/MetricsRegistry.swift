internal import Synchronization

/// Counts things and tells them in Prometheus' text format (version 0.0.4).
public final class MetricsRegistry: Sendable {
    /// What a family of series holds.
    public enum Kind: String, Sendable {
        /// What only grows.
        case counter
        /// What goes up and down.
        case gauge
        /// How often a value fell below each of some bounds.
        case histogram
    }

    /// The bounds of histograms of durations, in seconds.
    public static let durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private struct Histogram {
        var counts = [Int](repeating: 0, count: MetricsRegistry.durationBounds.count)
        var count = 0
        var sum = 0.0
    }

    private struct Family {
        let kind: Kind
        let help: String
        var values: [[String]: Double] = [:]
        var histograms: [[String]: Histogram] = [:]
        let labels: [String]
        var source: (@Sendable () -> Double)?
    }

    private let families = Mutex<[String: Family]>([:])

    /// An empty registry.
    public init() {}

    /// Declares a family before it is used.
    ///
    /// - Parameter labels: The names of its labels, in the order in which values are given.
    public func declare(_ name: String, _ kind: Kind, _ help: String, labels: [String] = []) {
        families.withLock { $0[name] = Family(kind: kind, help: help, labels: labels) }
    }

    /// Declares a family of one series whose value is asked for when it is told.
    public func declare(_ name: String, _ kind: Kind, _ help: String, source: @escaping @Sendable () -> Double) {
        families.withLock { $0[name] = Family(kind: kind, help: help, labels: [], source: source) }
    }

    /// Adds to a counter or a gauge.
    public func add(_ amount: Double, to name: String, _ labels: [String] = []) {
        families.withLock { $0[name]?.values[labels, default: 0] += amount }
    }

    /// Sets a gauge.
    public func set(_ value: Double, _ name: String, _ labels: [String] = []) {
        families.withLock { $0[name]?.values[labels] = value }
    }

    /// Forgets all series of a family, such as those of states that are over.
    public func clear(_ name: String) { families.withLock { $0[name]?.values.removeAll() } }

    /// Notes a duration, in seconds, in a histogram.
    public func observe(_ seconds: Double, in name: String, _ labels: [String] = []) {
        families.withLock { families in
            var histogram = families[name]?.histograms[labels] ?? Histogram()
            histogram.count += 1
            histogram.sum += seconds
            if let place = Self.durationBounds.firstIndex(where: { seconds <= $0 }) { histogram.counts[place] += 1 }
            families[name]?.histograms[labels] = histogram
        }
    }

    /// All series as text.
    public var text: String {
        let families = families.withLock { $0 }
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text += "# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind.rawValue)\n"
            if let source = family.source { text += "\(name) \(Self.number(source()))\n" }
            for (labels, value) in family.values.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                text += "\(name)\(Self.block(family.labels, labels)) \(Self.number(value))\n"
            }
            for (labels, histogram) in family.histograms.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
                text += Self.lines(name, family.labels, labels, histogram)
            }
        }
        return text
    }

    private static func lines(
        _ name: String, _ names: [String], _ labels: [String], _ histogram: Histogram
    ) -> String {
        var text = ""
        var below = 0
        for (bound, count) in zip(durationBounds, histogram.counts) {
            below += count
            text += "\(name)_bucket\(block(names + ["le"], labels + [number(bound)])) \(below)\n"
        }
        text += "\(name)_bucket\(block(names + ["le"], labels + ["+Inf"])) \(histogram.count)\n"
        text += "\(name)_sum\(block(names, labels)) \(number(histogram.sum))\n"
        return text + "\(name)_count\(block(names, labels)) \(histogram.count)\n"
    }

    private static func block(_ names: [String], _ values: [String]) -> String {
        guard !names.isEmpty else { return "" }
        let pairs = zip(names, values).map { name, value in
            // By scalars: a character may hold a quote and what is combined with it.
            let escaped = value.unicodeScalars.map { scalar -> String in
                switch scalar {
                case "\\": "\\\\"
                case "\"": "\\\""
                case "\n": "\\n"
                default: String(scalar)
                }
            }.joined()
            return "\(name)=\"\(escaped)\""
        }
        return "{\(pairs.joined(separator: ","))}"
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && value.magnitude < 1e15 ? String(Int64(value)) : String(value)
    }
}
