import CustodeTesting
import Foundation

/// A file of `scripts/systemd`, read as far as the tests ask.
struct UnitFile {
    /// Where the units are, without a trailing slash.
    static let folder = Checkout.script("systemd")
    /// Where the units expect the binary.
    static let installedBinary = "/usr/bin/custode"
    /// The services, each of which starts the binary.
    static let services = ["custode.service", "custode-gc.service", "custode-scrub.service"]
    /// The timers.
    static let timers = ["custode-gc.timer", "custode-scrub.timer"]
    /// The Kubernetes job.
    static let cronJob = "custode-gc.cronjob.yaml"

    /// The whole text, comments included.
    let text: String
    private let values: [String: [String]]

    /// Reads a unit of this name; a setting that an operator could not have meant twice is kept twice.
    init(_ name: String) throws {
        text = try String(contentsOfFile: Self.folder + "/" + name, encoding: .utf8)
        var values: [String: [String]] = [:]
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            values[String(line[..<equals]), default: []].append(String(line[line.index(after: equals)...]))
        }
        self.values = values
    }

    /// The value of a setting that is there once, else nil.
    subscript(key: String) -> String? {
        guard let all = values[key], all.count == 1 else { return nil }
        return all[0]
    }

    /// Whether the setting is there at all.
    func has(_ key: String) -> Bool { values[key] != nil }
}
