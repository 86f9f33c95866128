public import NIOCore

/// Where bytes live: a directory, or a bucket behind a network.
///
/// A key is written once. Nothing is visible under a key before all of its bytes are durable.
public protocol BlobStore: Sendable {
    /// Starts receiving the bytes of one object; nothing is at its key before they are published.
    ///
    /// - Parameter key: Where they are to go.
    /// - Parameter contentType: What a store that serves readers itself tells them, if it cannot be told when a URL is
    ///   signed.
    /// - Parameter expectedSize: The size in bytes, where the client declared it.
    /// - Throws: ``BlobStoreError/noRoom`` at once if the declared size cannot fit. ``BlobStoreError/keyTaken`` if the
    ///   key holds something, from stores that must know before the bytes come.
    func beginUpload(
        as key: ObjectKey, contentType: String, expectedSize: Int64?
    ) async throws(BlobStoreError) -> any BlobUpload

    /// Opens an object for reading; what is read belongs to one and the same writing of it.
    ///
    /// - Parameter plan: What will be read first, so that a distant store need not be asked twice; `nil` if perhaps
    ///   nothing will. Whatever it says, anything may be read.
    /// - Throws: ``BlobStoreError/absent``.
    func open(_ key: String, reading plan: RangePlan?) async throws(BlobStoreError) -> any OpenBlob

    /// Confirms that the store answers and takes writes.
    func probe() async throws(BlobStoreError)
}

/// One object on its way into a store.
///
/// Calls come one after another. Whoever began it ends it, by ``publish(as:)`` or ``discard()``.
public protocol BlobUpload: Sendable {
    /// Takes the next bytes, suspending while too many are waiting to be stored.
    func write(_ bytes: ByteBuffer) async throws(BlobStoreError)

    /// Makes all bytes durable and tells what they were. No bytes may follow.
    func seal() async throws(BlobStoreError) -> SealedBlob

    /// Makes the sealed bytes the object of this key, durably, and never over another's.
    ///
    /// - Throws: ``BlobStoreError/keyTaken`` if the key holds something; the bytes stay, and another
    ///   key may be tried. ``BlobStoreError/unsettled(_:)`` if the key may hold the bytes all the same;
    ///   after every other error it does not.
    func publish(as key: ObjectKey) async throws(BlobStoreError)

    /// Forgets the bytes. Harmless after either ending.
    func discard() async
}

/// What a store received.
public struct SealedBlob: Sendable, Equatable {
    /// The size in bytes.
    public let size: Int64
    /// The SHA-256 of the bytes.
    public let sha256: Digest

    /// The facts of a received body.
    public init(size: Int64, sha256: Digest) {
        self.size = size
        self.sha256 = sha256
    }
}

/// An object opened for reading.
public protocol OpenBlob: Sendable {
    /// The size in bytes.
    var size: Int64 { get }

    /// What the store tells of this writing of it, as a listing would; `nil` of what is no object of a key.
    var facts: BlobFacts? { get }

    /// Lends the open file to a server that can send from it directly; `nil` where there is none.
    ///
    /// The descriptor lives as long as this value.
    var file: NIOFileHandle? { get }

    /// Reads a range piece by piece, no faster than it is consumed.
    func read(_ range: ByteRange) -> AsyncThrowingStream<ByteBuffer, any Error>
}

extension OpenBlob {
    /// None, unless the store has them at hand.
    public var facts: BlobFacts? { nil }
}

/// Why a store could not do it.
public enum BlobStoreError: Error, Sendable, Equatable {
    /// There is nothing under the key.
    case absent
    /// There is something under the key.
    case keyTaken
    /// The store is full, or over its quota.
    case noRoom
    /// The caller gave up.
    case cancelled
    /// The store failed at a point where nobody can tell whether it was done; the text is for operators.
    case unsettled(String)
    /// The store failed or cannot be reached; the text is for operators.
    case unavailable(String)
}

extension BlobStoreError: CustomStringConvertible {
    /// For operators.
    public var description: String {
        switch self {
        case .absent: "there is nothing under the key"
        case .keyTaken: "there is something under the key"
        case .noRoom: "the store is full, or over its quota"
        case .cancelled: "it was given up"
        case .unsettled(let text), .unavailable(let text): text
        }
    }
}
