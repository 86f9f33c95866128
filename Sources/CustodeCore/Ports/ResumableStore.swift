public import NIOCore

/// A store that keeps bytes which come in several requests, and makes an object of them in the end.
///
/// Nothing of it is to be seen under any key before ``publish(_:as:)``. The catalog remembers what is stored: after a crash
/// what it does not know of is not there.
public protocol ResumableStore: CollectableStore {
    /// Goes on with what is stored; begins if that is nothing.
    ///
    /// What was stored beyond it, by an earlier holder that never came to record it, is dropped; but not before the first
    /// bytes come or it is sealed. By then whoever holds the upload can have made sure that it still does.
    ///
    /// - Parameter key: Where the bytes are to go; `nil` for a partial upload.
    func resume(
        _ staged: StagedBlob, as key: ObjectKey?, expectedSize: Int64?
    ) async throws(BlobStoreError) -> any BlobAppend

    /// Makes what is stored the object of this key, durably, and never over another's.
    ///
    /// Repeating it after an interruption finishes it: bytes that are at the key already, of this upload, are no fault.
    ///
    /// - Parameter contentType: As for ``BlobStore/beginUpload(as:contentType:expectedSize:)``.
    /// - Throws: ``BlobStoreError/keyTaken`` if the key holds something else; the bytes stay.
    func publish(_ staged: StagedBlob, as key: ObjectKey?, contentType: String) async throws(BlobStoreError)

    /// Reads a whole partial upload, once it was published as none.
    func read(_ staged: StagedBlob) async throws(BlobStoreError) -> any OpenBlob

    /// Forgets what is stored.
    ///
    /// - Parameter isPublished: Whether it is an object by now, which stays: only what is left of the way there goes.
    func discard(_ staged: StagedBlob, as key: ObjectKey?, isPublished: Bool) async throws(BlobStoreError)

    /// Removes what a listing of ``StagedBlob/folder`` told of.
    ///
    /// - Returns: Why it failed, in the order of the keys; `nil` for what is gone, or was before.
    func removeStaged(_ keys: [String]) async -> [BlobStoreError?]
}

/// Bytes of one upload on their way into a store.
///
/// Calls come one after another. Whoever began it ends it, by ``close()``.
public protocol BlobAppend: Sendable {
    /// Takes the next bytes, suspending while too many are waiting to be stored.
    func write(_ bytes: ByteBuffer) async throws(BlobStoreError)

    /// Makes all bytes durable and tells what is stored, to be recorded. No bytes may follow.
    ///
    /// - Parameter isWhole: Whether none will ever follow.
    func seal(isWhole: Bool) async throws(BlobStoreError) -> StagedBlob

    /// Tells what is durable by now, or is worth making so on the way.
    ///
    /// - Returns: `nil` if that is nothing new.
    func passingCheckpoint() async throws(BlobStoreError) -> StagedBlob?

    /// The number that the next part would take: those before it may be in use, whatever becomes of the bytes.
    var nextNumber: Int { get }

    /// The SHA-256 of all bytes, once they are sealed.
    func digest() throws(BlobStoreError) -> Digest

    /// Tells that a checkpoint was recorded: what it replaced can go.
    func settle(_ recorded: StagedBlob) async

    /// Lets go; what was not told by a checkpoint may be dropped.
    func close() async
}

/// What is stored of an upload, as the catalog remembers it for the store.
public struct StagedBlob: Sendable, Equatable {
    /// Where stores keep what is not an object yet: names there begin with the upload's.
    public static let folder = ".custode/uploads/"

    /// Whose it is.
    public let id: UploadID
    /// How many bytes.
    public var size: Int64
    /// The state of the SHA-256 over them; empty for none.
    public var hash: [UInt8]
    /// The store's own name for it; `nil` before anything is stored.
    public var token: String?
    /// What it consists of, by ascending offsets without a gap; empty where the store keeps one file.
    public var pieces: [Piece]
    /// The number that the next final part takes; higher than any that an earlier holder may still be writing.
    public var nextNumber: Int
    /// Which request holds it.
    public var epoch: Int64

    /// A range of the upload that the store keeps as one.
    public struct Piece: Sendable, Hashable {
        /// The first byte of it.
        public let offset: Int64
        /// How many bytes.
        public let size: Int64
        /// The number of a part; of another piece, which request stored it.
        public let number: Int64
        /// The store's tag of a final part; `nil` for one that is yet to become a part.
        public let tag: String?

        /// A piece as the store made it.
        public init(offset: Int64, size: Int64, number: Int64, tag: String?) {
            self.offset = offset
            self.size = size
            self.number = number
            self.tag = tag
        }
    }

    /// Nothing, if nothing else is said.
    public init(
        id: UploadID, size: Int64 = 0, hash: [UInt8] = [], token: String? = nil, pieces: [Piece] = [],
        nextNumber: Int = 1, epoch: Int64 = 1
    ) {
        self.id = id
        self.size = size
        self.hash = hash
        self.token = token
        self.pieces = pieces
        self.nextNumber = nextNumber
        self.epoch = epoch
    }

    /// The upload that a key in ``folder`` belongs to; `nil` for one that is nobody's.
    static func owner(of key: String) -> UploadID? {
        guard key.hasPrefix(folder) else { return nil }
        return UploadID(String(key.dropFirst(folder.count).prefix { $0 != "/" && $0 != "." }))
    }

    /// What became of the pieces.
    public struct Change: Sendable, Equatable {
        /// Those that are no longer.
        public var removed: [Piece] = []
        /// Those that are new.
        public var added: [Piece] = []

        /// No change.
        public init() {}
    }

    /// What became of the pieces since an earlier state.
    func change(since earlier: StagedBlob) -> Change {
        var change = Change()
        guard pieces != earlier.pieces else { return change }
        let shared = zip(pieces, earlier.pieces).prefix { $0 == $1 }.count
        change.removed = Array(earlier.pieces[shared...])
        change.added = Array(pieces[shared...])
        return change
    }
}
