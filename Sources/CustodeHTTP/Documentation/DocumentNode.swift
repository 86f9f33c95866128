internal import FoundationEssentials

/// A value of a JSON document, to look into without ceremony: what is absent is `.null`.
enum DocumentNode: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([DocumentNode])
    case object([String: DocumentNode])

    /// Reads a document; `nil` if it is not JSON.
    static func read(_ bytes: [UInt8]) -> DocumentNode? {
        try? JSONDecoder().decode(DocumentNode.self, from: Data(bytes))
    }

    subscript(_ name: String) -> DocumentNode {
        if case .object(let members) = self { members[name] ?? .null } else { .null }
    }

    var string: String? { if case .string(let value) = self { value } else { nil } }

    var array: [DocumentNode] { if case .array(let elements) = self { elements } else { [] } }

    /// The members, by name.
    var members: [(key: String, value: DocumentNode)] {
        if case .object(let members) = self { members.sorted { $0.key < $1.key } } else { [] }
    }

    /// The value as a person would write it.
    ///
    /// - Parameter isIndented: Whether each member gets a line of its own.
    func text(isIndented: Bool = false, depth: Int = 0) -> String {
        switch self {
        case .null: "null"
        case .bool(let value): String(value)
        case .number(let value): Int64(exactly: value).map(String.init) ?? String(value)
        case .string(let value): Self.quoted(value)
        case .array(let elements):
            Self.list(elements.map { $0.text(isIndented: isIndented, depth: depth + 1) }, "[", "]", isIndented, depth)
        case .object:
            Self.list(
                members.map { "\(Self.quoted($0.key)): \($0.value.text(isIndented: isIndented, depth: depth + 1))" },
                "{", "}", isIndented, depth)
        }
    }

    private static func list(
        _ items: [String], _ open: String, _ close: String, _ isIndented: Bool, _ depth: Int
    ) -> String {
        guard isIndented, !items.isEmpty else { return open + items.joined(separator: ", ") + close }
        let line = "\n" + String(repeating: "  ", count: depth)
        return open + line + "  " + items.joined(separator: "," + line + "  ") + line + close
    }

    private static func quoted(_ text: String) -> String {
        var json = JSONText()
        json.array { $0.element(text) }
        return String(json.text.dropFirst().dropLast())
    }
}

extension DocumentNode: Decodable {
    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([DocumentNode].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: DocumentNode].self))
        }
    }
}
