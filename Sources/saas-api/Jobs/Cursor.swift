import CustodeCore

/// Where the next page of a list of jobs begins: behind this one.
struct Cursor: Sendable {
    /// The end of the year 9999, beyond which no date is written.
    private static let lastMoment: Int64 = 253_402_300_799_000_000

    /// Microseconds since 1970.
    let createdAt: Int64
    let id: String

    /// The text that clients send back, which they need not understand.
    var text: String { Base64URL.encode(Array("\(createdAt) \(id)".utf8)) }

    init(createdAt: Int64, id: String) {
        self.createdAt = createdAt
        self.id = id
    }

    /// Reads one; `nil` if it is none of ours.
    init?(_ text: String) {
        guard text.utf8.count <= 1_024, let bytes = Base64URL.decode(text),
            let plain = String(validating: bytes, as: UTF8.self), let space = plain.firstIndex(of: " "),
            let moment = Int64(plain[..<space]), (0...Self.lastMoment).contains(moment), !plain.utf8.contains(0)
        else { return nil }
        createdAt = moment
        id = String(plain[plain.index(after: space)...])
    }
}
