public import NIOCore

/// Makes SHA-256 digests of what comes in pieces.
public protocol Hashing: Sendable {
    /// A digest of nothing yet.
    func begin() -> any RunningHash
}

/// A SHA-256 under way.
public protocol RunningHash {
    /// Takes the next bytes.
    mutating func update(_ bytes: ByteBuffer)

    /// The digest of all that was taken; the hash must not be used any more.
    mutating func finish() -> Digest
}
