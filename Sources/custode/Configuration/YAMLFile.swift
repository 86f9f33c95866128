import CustodeCore
import Foundation
import Yams

/// Reads YAML files into flat keys.
enum YAMLFile {
    /// Why a file cannot be used.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    // Aliases are read like what they stand for: a few lines of them can be more than fits any machine.
    private static let most = 10_000

    /// Reads a file of nested mappings; keys are joined with dots, leaves are as they were spelled.
    static func flattened(_ path: String) throws -> [String: PolicyValue] {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw Fault(description: "cannot be read")
        }
        guard let root = try Yams.compose(yaml: text) else { return [:] }
        var values: [String: PolicyValue] = [:]
        var left = most
        try flatten(root, "", &values, &left)
        return values
    }

    /// One line of what is wrong.
    static func explanation(_ error: any Error) -> String {
        String(describing: error).split(whereSeparator: \.isNewline).first.map(String.init) ?? "is not YAML"
    }

    private static func flatten(
        _ node: Node, _ prefix: String, _ values: inout [String: PolicyValue], _ left: inout Int
    ) throws {
        left -= 1
        guard left > 0 else { throw Fault(description: "holds more than \(most) values") }
        switch node {
        case .mapping(let mapping):
            for (key, value) in mapping {
                guard let name = key.scalar?.string else { throw Fault(description: "a key is not a word") }
                let path = prefix.isEmpty ? name : "\(prefix).\(name)"
                guard values[path] == nil else { throw Fault(description: "\(path) is given twice") }
                try flatten(value, path, &values, &left)
            }
        case .sequence(let items):
            values[prefix] = .list(
                try items.map { item in
                    guard let text = item.scalar?.string else {
                        throw Fault(description: "\(prefix) holds more than words")
                    }
                    return text
                })
        case .scalar(let scalar):
            guard !prefix.isEmpty else { throw Fault(description: "holds no settings") }
            values[prefix] = .scalar(scalar.string)
        case .alias:
            throw Fault(description: "aliases are not read")
        }
    }
}
