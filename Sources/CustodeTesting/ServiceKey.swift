import Foundation

/// A service key of the tests: its text for requests, and its line for the key file.
public struct ServiceKey: Sendable {
    /// The id, which names the key in logs.
    public let id: String
    /// The grants, as the key file spells them.
    public let grants: [String]
    /// The whole text, `cus_<id>_<secret>`.
    public let text: String

    /// A new key with a random secret.
    public init(id: String, grants: [String]) {
        self.id = id
        self.grants = grants
        let secret = (0..<32).map { _ in "0123456789abcdef".randomElement() ?? "0" }
        text = "cus_\(id)_" + String(secret)
    }

    /// The line of the key file: id, SHA-256 of the text, grants.
    public var line: String {
        "\(id):\(SHA256.hex(Array(text.utf8))):\(grants.joined(separator: ","))\n"
    }
}
