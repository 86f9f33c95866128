public import NIOCore

/// Makes SHA-256 digests of what comes in pieces.
public protocol Hashing: Sendable {
    /// A digest of nothing yet.
    func begin() -> any RunningHash
}

/// Makes the checksums that clients may ask for.
public protocol Checksumming: Sendable {
    /// A checksum of nothing yet.
    func begin(_ algorithm: ChecksumAlgorithm) -> any RunningChecksum
}

/// How clients may check single requests of an upload.
public enum ChecksumAlgorithm: String, Sendable, CaseIterable {
    /// For clients of tus, all of which know it.
    case sha1
    /// The one to be preferred.
    case sha256
}

/// A checksum under way.
public protocol RunningChecksum {
    /// Takes the next bytes.
    mutating func update(_ bytes: ByteBuffer)

    /// The checksum of all that was taken; it must not be used any more.
    mutating func finish() -> [UInt8]
}

/// A SHA-256 under way.
public protocol RunningHash {
    /// Takes the next bytes.
    mutating func update(_ bytes: ByteBuffer)

    /// The digest of all that was taken; the hash must not be used any more.
    mutating func finish() -> Digest
}
