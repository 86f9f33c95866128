internal import Cryptography
public import CustodeCore
internal import HTTPFetch
internal import NIOCore
internal import Synchronization

extension S3Store: CopyingStore {
    /// Starts what will be a copy of an object, made by the service itself.
    public func beginCopy(
        of source: String, _ facts: BlobFacts, as key: ObjectKey, contentType: String
    ) async throws(BlobStoreError) -> any BlobUpload {
        S3Copy(of: source, facts, in: self)
    }
}

/// A copy on the service's side of bytes that are hashed here as they are read.
///
/// What proves that both are the same is the tag: the reading was of one writing of the source, and only that is copied.
final class S3Copy: BlobUpload {
    private let source: String
    private let facts: BlobFacts
    private let store: S3Store
    private let counted: CountedBytes
    private let hashing: SerialDrain
    /// Tells this copy from every other object.
    private let nonce: String

    init(of source: String, _ facts: BlobFacts, in store: S3Store) {
        self.source = source
        self.facts = facts
        self.store = store
        let counted = CountedBytes()
        self.counted = counted
        hashing = SerialDrain(store.threads) { counted.take($0) }
        nonce = Hex.encode(store.random.bytes(16))
    }

    func write(_ bytes: ByteBuffer) async throws(BlobStoreError) {
        hashing.push(bytes)
        try await hashing.room()
    }

    func seal() async throws(BlobStoreError) -> SealedBlob {
        try await hashing.settle()
        let sealed = try await store.threads.perform { () throws(BlobStoreError) in
            try self.hashing.finish()
            return try self.counted.seal()
        }
        guard sealed.size == facts.size else {
            throw .unavailable("an object was read that is not of the size that its bucket tells")
        }
        return sealed
    }

    func publish(as key: ObjectKey) async throws(BlobStoreError) {
        guard let found = try await store.find(source), found.facts == facts else { throw Self.changed }
        // Where no condition keeps a copy from being made over another object, this look does.
        if try await store.look(key.text) != nil { throw .keyTaken }
        try await store.publish(key.text, nonce: nonce) { () throws(S3Error) in
            do throws(S3Error) {
                try await self.copy(found, to: key.text, unless: [("if-none-match", "*")])
            } catch  where error.status == 501 {
                try await self.copy(found, to: key.text, unless: [])
            }
        }
        guard let copy = try await store.find(key.text), copy.size == facts.size,
            found.size > S3Move.largestCopy || !found.tagTellsBytes || !copy.tagTellsBytes || copy.etag == found.etag
        else { throw .unsettled("the copy of an object is not what was copied") }
    }

    /// What was begun nowhere needs no end.
    func discard() async { try? await hashing.settle() }

    private static let changed = BlobStoreError.unavailable("an object changed while it was copied")

    private func copy(
        _ found: S3Found, to key: String, unless conditions: [(name: String, value: String)]
    ) async throws(S3Error) {
        do throws(S3Error) {
            try await S3ServerCopy(
                store: store, from: source, source: found, to: key, headers: S3Store.metadata(nonce),
                conditions: conditions
            ).run()
        } catch  where error.isPreconditionFailed {
            // Of two conditions one did not hold; that of the source is not going to.
            guard let now = try? await store.look(source), now.facts == facts else {
                throw S3Error(
                    status: error.status, code: "SourceChanged", message: "\(Self.changed)", mayBeDone: false,
                    isPassing: false)
            }
            throw error
        }
    }
}

/// Counts and hashes, on one thread at a time.
private final class CountedBytes: Sendable {
    private struct State: ~Copyable {
        var hasher: SHA256? = SHA256()
        var size: Int64 = 0
    }

    private let state = Mutex(State())

    func take(_ buffer: ByteBuffer) -> BlobStoreError? {
        state.withLock { state in
            buffer.withUnsafeReadableBytes { state.hasher?.update($0) }
            state.size += Int64(buffer.readableBytes)
        }
        return nil
    }

    func seal() throws(BlobStoreError) -> SealedBlob {
        let (digest, size) = state.withLock { state in (state.hasher.take()?.finalize(), state.size) }
        guard let digest, let sha256 = Digest(digest) else { throw .unavailable("a copy was sealed twice") }
        return SealedBlob(size: size, sha256: sha256)
    }
}
