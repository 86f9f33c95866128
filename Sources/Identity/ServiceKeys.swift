internal import Cryptography
public import CustodeCore
internal import Synchronization

/// The service keys that may call, each known by the SHA-256 of its whole text.
///
/// The list can be replaced while requests are served.
public final class ServiceKeys: Sendable {
    /// A key as the file lists it: never the key itself.
    public struct Entry: Sendable, Equatable {
        /// What the key is called, in the file and in logs.
        public let id: String
        /// The SHA-256 of its text.
        public let sha256: [UInt8]
        /// What it grants.
        public let grants: Set<Grant>
    }

    /// What is wrong with a key file.
    public struct Fault: Error, Equatable, CustomStringConvertible, Sendable {
        /// One sentence, with the line's number.
        public let description: String
    }

    /// The beginning of every service key's text.
    public static let prefix = "cus_"

    private let entries: Mutex<[String: Entry]>

    /// Starts with the keys of a file's text.
    ///
    /// - Throws: ``Fault``.
    public init(file text: String) throws(Fault) {
        entries = Mutex(try Self.parse(text))
    }

    /// Replaces all keys by those of a file's text; on a fault the old ones stay.
    ///
    /// - Throws: ``Fault``.
    public func reload(file text: String) throws(Fault) {
        let parsed = try Self.parse(text)
        entries.withLock { $0 = parsed }
    }

    /// How many keys there are.
    public var count: Int { entries.withLock { $0.count } }

    /// Recognises a key by its text; `nil` for any that is not listed.
    ///
    /// It takes the same time for every wrong secret of a listed id.
    public func recognise(_ token: String) -> Entry? {
        guard let id = Self.id(of: token) else { return nil }
        let digest = SHA256.hash(Array(token.utf8))
        let entry = entries.withLock { $0[id] }
        guard let entry, constantTimeEquals(entry.sha256, digest) else { return nil }
        return entry
    }

    /// Makes a key: its text, to be shown once, and the file's line for it.
    ///
    /// - Returns: `nil` if the id is empty or holds anything but `A-Z a-z 0-9 . -`.
    public static func make(id: String, grants: Set<Grant>) -> (key: String, line: String)? {
        guard isID(id), !grants.isEmpty else { return nil }
        let key = prefix + id + "_" + Base64URL.encode(SecureRandom.bytes(32)).replacing("_", with: "-")
        let names = Grant.allCases.filter(grants.contains).map(\.rawValue).joined(separator: ",")
        return (key, "\(id):\(Hex.encode(SHA256.hash(Array(key.utf8)))):\(names)")
    }

    private static func id(of token: String) -> String? {
        guard token.hasPrefix(prefix), token.utf8.count <= 512 else { return nil }
        let parts = token.dropFirst(prefix.count).split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[1].isEmpty ? String(parts[0]) : nil
    }

    private static func isID(_ text: String) -> Bool {
        (1...64).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || $0 == 0x2D || $0 == 0x2E
            }
    }

    private static func parse(_ text: String) throws(Fault) -> [String: Entry] {
        var entries: [String: Entry] = [:]
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.filter { $0 != "\r" && $0 != " " && $0 != "\t" }
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            // Who pastes the key itself has put it where the hash was to be.
            guard !line.hasPrefix(prefix) else {
                throw Fault(
                    description:
                        "line \(index + 1): this is a key itself, which belongs to whoever calls; the file wants "
                        + "the line that custode service-key new prints beside it")
            }
            let fields = line.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 3, isID(fields[0]), let sha256 = Digest(hex: fields[1].lowercased()) else {
                throw Fault(description: "line \(index + 1): wants id:sha256hex:grant,grant")
            }
            var grants: Set<Grant> = []
            for name in fields[2].split(separator: ",") {
                guard let grant = Grant(rawValue: String(name)) else {
                    throw Fault(description: "line \(index + 1): \(name) is no grant; there are delegate and artifacts")
                }
                grants.insert(grant)
            }
            guard !grants.isEmpty else {
                throw Fault(description: "line \(index + 1): grants nothing; there are delegate and artifacts")
            }
            guard entries[fields[0]] == nil else {
                throw Fault(description: "line \(index + 1): the id \(fields[0]) is listed twice")
            }
            entries[fields[0]] = Entry(id: fields[0], sha256: sha256.bytes, grants: grants)
        }
        return entries
    }
}

extension ServiceKeys.Entry {
    /// The key as a credential.
    public var credential: Credential { .service(id: id, grants: grants) }
}
