import Foundation

/// One JSON object on one line, its members in the order in which they were given.
struct JSONLine {
    private var members: [String] = []

    mutating func add(_ name: String, _ value: String?) { append(name, value.map(Self.quoted) ?? "null") }
    mutating func add(_ name: String, _ value: Int64) { append(name, String(value)) }
    mutating func add(_ name: String, _ value: Double) {
        append(name, String(format: "%.3f", locale: Locale(identifier: "en_US_POSIX"), value))
    }

    /// The object.
    var text: String { "{\(members.joined(separator: ","))}" }

    private mutating func append(_ name: String, _ json: String) { members.append("\"\(name)\":\(json)") }

    private static let encoder = {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        return encoder
    }()

    private static func quoted(_ text: String) -> String {
        (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
}
