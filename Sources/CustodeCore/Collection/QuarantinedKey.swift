/// The key of what goes into quarantine: one of ours, or that of a file from before whose copy took its place.
public struct QuarantinedKey: Sendable, Hashable, CustomStringConvertible {
    /// The key as the bucket knows it.
    public let text: String
    /// What it says, if it is of our naming.
    public let object: ObjectKey?

    /// A key of ours.
    public init(_ key: ObjectKey) {
        text = key.text
        object = key
    }

    /// Any key that an object can have; `nil` for quarantine's own, the bucket's own files, and what is no key.
    public init?(any text: String) {
        guard LegacyKey.isPlain(text) else { return nil }
        self.text = text
        object = ObjectKey(parsing: text)
    }

    /// The job whose lock it is taken under; empty for what is no job's by its name.
    public var job: String { object?.job.text ?? "" }

    /// Compares byte for byte.
    public static func == (left: QuarantinedKey, right: QuarantinedKey) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    /// Equal keys have equal bytes.
    public func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }

    /// What it is, for logs and people.
    public var description: String { text }
}
