import CustodeCore
import Foundation
import Yams

/// Where settings come from: arguments, environment, a file, in this order.
struct SettingSources {
    let arguments: [SettingName: String]
    let environment: [String: String]
    let file: [String: String]
    private(set) var faults: [String] = []

    init(options: SettingOptions, environment: [String: String] = ProcessInfo.processInfo.environment) {
        arguments = options.given
        self.environment = environment
        let named = options.config ?? environment["CUSTODE_CONFIG"]
        let usual = ["custode.yaml", "/etc/custode/custode.yaml"].first(where: FileManager.default.fileExists)
        guard let path = named ?? usual else {
            file = [:]
            findUnknownVariables()
            return
        }
        do {
            file = try Self.read(path)
        } catch {
            file = [:]
            faults.append("\(path): \(YAMLFile.explanation(error))")
        }
        findUnknownVariables()
        let known = Set(SettingName.allCases.flatMap { [$0.yaml, $0.yaml + "_file"] })
        faults += file.keys.filter { !known.contains($0) }.sorted().map { "\(path): no such setting: \($0)" }
    }

    /// The value that wins; `nil` if nobody gave one.
    mutating func value(_ name: SettingName) -> String? {
        if let given = arguments[name] { return given }
        let fallback = name == .databaseURL ? ["DATABASE_URL"] : []
        for variable in [name.rawValue] + fallback {
            if environment[variable]?.isEmpty == false, environment[variable + "_FILE"]?.isEmpty == false {
                faults.append("\(variable) and \(variable)_FILE are both given; give one")
            }
            if let value = environment[variable], !value.isEmpty { return value }
            if let path = environment[variable + "_FILE"], !path.isEmpty { return secret(path, variable + "_FILE") }
        }
        return file[name.yaml] ?? file[name.yaml + "_file"].flatMap { secret($0, name.yaml + "_file") }
    }

    private mutating func secret(_ path: String, _ name: String) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            faults.append("\(name): cannot read \(path)")
            return nil
        }
        return text.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private mutating func findUnknownVariables() {
        var known = SettingName.ignored
        for name in SettingName.allCases { known.formUnion([name.rawValue, name.rawValue + "_FILE"]) }
        let unknown = environment.keys.filter {
            $0.hasPrefix("CUSTODE_") && !$0.hasPrefix("CUSTODE_POLICY_") && !known.contains($0)
        }
        faults += unknown.sorted().map { "\($0): no such setting" }
    }

    private static func read(_ path: String) throws -> [String: String] {
        var settings: [String: String] = [:]
        for (key, value) in try YAMLFile.flattened(path) {
            let name = key.hasPrefix("custode_") ? String(key.dropFirst("custode_".count)) : key
            settings[name] =
                switch value {
                case .scalar(let text): text
                case .list(let items): items.joined(separator: ",")
                }
        }
        return settings
    }
}
