/// A user of the SaaS, as the `user_id` column and the identity provider spell it.
public struct UserID: Sendable, Hashable, CustomStringConvertible {
    /// The id as text, never empty, without NUL or control characters.
    public let text: String

    /// Accepts any non-empty text free of C0 controls and DEL; `nil` otherwise.
    public init?(_ text: String) {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { return nil }
        self.text = text
    }

    /// Thirty-two bits that tell one user from another in a link, whose tag protects them (FNV-1a).
    public var fingerprint: UInt32 {
        text.utf8.reduce(2_166_136_261) { ($0 ^ UInt32($1)) &* 16_777_619 }
    }

    /// Compares byte for byte.
    ///
    /// Swift's `==` on strings takes canonically equivalent spellings for one; two owners must never be.
    public static func == (left: UserID, right: UserID) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    /// What it is, for logs and people.
    public var description: String { text }
}

/// A job of the SaaS, in the canonical spelling of the `jobs.id` column's type.
public struct JobID: Sendable, Hashable, CustomStringConvertible {
    /// The id as text, never empty, without NUL.
    public let text: String

    /// Accepts any non-empty text without NUL; `nil` otherwise.
    ///
    /// Whether it fits the column's type is the catalog's to say: what does not is simply not found.
    public init?(_ text: String) {
        guard !text.isEmpty, !text.utf8.contains(0) else { return nil }
        self.text = text
    }

    /// Compares byte for byte, as for users.
    public static func == (left: JobID, right: JobID) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    /// What it is, for logs and people.
    public var description: String { text }
}

/// The name of one object of a job: `input`, or an artifact kind that the policy lists.
public struct ObjectName: Sendable, Hashable, CustomStringConvertible {
    /// The object that users upload.
    public static let input = ObjectName(trusted: "input")

    /// The name as it stands in paths, tokens and the `kind` column.
    public let text: String

    /// Accepts 1 to 32 of `a-z0-9_`, beginning with a letter; `nil` otherwise.
    public init?(_ text: String) {
        guard (1...32).contains(text.utf8.count), let first = text.utf8.first, first >= 0x61, first <= 0x7A,
            text.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F })
        else { return nil }
        self.text = text
    }

    private init(trusted text: String) { self.text = text }

    /// Whether this is what the user uploaded, rather than an artifact a worker made.
    public var isInput: Bool { self == .input }

    /// What it is, for logs and people.
    public var description: String { text }
}
