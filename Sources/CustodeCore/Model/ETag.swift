/// A strong entity tag (RFC 9110 §8.8.3), quotes included.
///
/// It is derived from the bytes alone, so that equal tags always mean equal bytes.
public struct ETag: Sendable, Hashable, CustomStringConvertible {
    /// The tag as it stands in the header, quotes included.
    public let text: String

    /// The tag of an object with this digest.
    public init(_ digest: Digest) { text = "\"\(Hex.encode(digest.bytes.prefix(16)))\"" }

    /// Takes a tag as it was recorded.
    public init(recorded text: String) { self.text = text }

    /// What it is, for logs and people.
    public var description: String { text }
}
