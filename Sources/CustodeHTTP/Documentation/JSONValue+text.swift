internal import CustodeCore
internal import FoundationEssentials

extension JSONValue {
    /// Reads a document; `nil` if it is not JSON.
    static func read(_ bytes: [UInt8]) -> JSONValue? {
        try? JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    }

    /// The value as a person would write it.
    ///
    /// - Parameter isIndented: Whether each member gets a line of its own.
    func text(isIndented: Bool = false, depth: Int = 0) -> String {
        switch self {
        case .null: "null"
        case .bool(let value): String(value)
        case .integer(let value): String(value)
        case .number(let value): String(value)
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
