/// A store whose objects can be listed, set aside and removed: what collection needs beyond ``BlobStore``.
public protocol CollectableStore: BlobStore {
    /// Lists objects in the order of their keys' bytes.
    func list(_ scope: ListingScope) -> any BlobListing

    /// What is known of objects now, in the order of the keys; `nil` where there is none.
    func facts(of keys: [String]) async throws(BlobStoreError) -> [BlobFacts?]

    /// Moves objects, each only if it is still what was expected, and never over another.
    ///
    /// Repeating a move that was interrupted finishes it. What is told as moved is durable.
    /// - Parameter mayGoOn: Asked before each: once it says no, those that are left fail untouched, as cancelled.
    /// - Returns: What became of each, in the order of the moves.
    func move(_ moves: [BlobMove], while mayGoOn: @escaping @Sendable () -> Bool) async -> [BlobMove.Outcome]

    /// Removes objects for good.
    ///
    /// - Parameter mayGoOn: Asked before each: once it says no, those that are left fail untouched, as cancelled.
    /// - Returns: Why it failed, in the order of the keys; `nil` for what is gone, or was before.
    func remove(_ keys: [String], while mayGoOn: @escaping @Sendable () -> Bool) async -> [BlobStoreError?]

    /// Uploads in parts that were begun and neither published nor discarded, in the order of keys and ids.
    ///
    /// - Parameter last: The one to go on after; from the first if `nil`.
    /// - Returns: Some of them; none after the last.
    func unfinished(after last: UnfinishedUpload?) async throws(BlobStoreError) -> [UnfinishedUpload]

    /// Forgets the parts of uploads.
    ///
    /// - Parameter mayGoOn: As for a removal.
    /// - Returns: Why it failed, in the order of the uploads; `nil` for what is gone, or was before.
    func abort(
        _ uploads: [UnfinishedUpload], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobStoreError?]

    /// What time it is for the store, whose clock dates the objects.
    func clock() async throws(BlobStoreError) -> Timestamp

    /// The small file that tells whose bucket this is; `nil` if there is none.
    func marker() async throws(BlobStoreError) -> [UInt8]?

    /// Writes the small file that tells whose bucket this is, durably, in the place of one before.
    func setMarker(_ bytes: [UInt8]) async throws(BlobStoreError)
}

extension CollectableStore {
    /// None: a store without uploads in parts leaves nothing of those that were given up.
    public func unfinished(after last: UnfinishedUpload?) async throws(BlobStoreError) -> [UnfinishedUpload] { [] }

    /// Nothing to do, as there are none.
    public func abort(
        _ uploads: [UnfinishedUpload], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobStoreError?] { uploads.map { _ in nil } }
}

/// An upload in parts that a store keeps open.
public struct UnfinishedUpload: Sendable, Equatable {
    /// Where it is to go.
    public let key: String
    /// The store's name for it.
    public let id: String
    /// When it was begun, by the store's clock.
    public let begun: Timestamp

    /// An upload as a store told it.
    public init(key: String, id: String, begun: Timestamp) {
        self.key = key
        self.id = id
        self.begun = begun
    }
}

/// What a store tells of an object without opening it.
public struct BlobFacts: Sendable, Equatable {
    /// What changes whenever the object is written; opaque, and the store's own.
    public let etag: String
    /// The size in bytes.
    public let size: Int64
    /// When it was written, by the store's clock.
    public let modified: Timestamp

    /// Facts as a store told them.
    public init(etag: String, size: Int64, modified: Timestamp) {
        self.etag = etag
        self.size = size
        self.modified = modified
    }
}

/// Which objects a listing covers.
public struct ListingScope: Sendable, Equatable {
    /// What keys begin with; whole components, each ended by a slash, or nothing.
    public let prefix: String
    /// Beginnings of keys that are left out, written as the prefix is.
    public let excluded: [String]

    /// Everything below a prefix but what is excluded.
    public init(prefix: String = "", excluding excluded: [String] = []) {
        self.prefix = prefix
        self.excluded = excluded
    }
}

/// An object as a listing tells it.
public struct ListedBlob: Sendable, Equatable {
    /// The key.
    public let key: String
    /// What is known of it.
    public let facts: BlobFacts

    /// An entry of a listing.
    public init(key: String, facts: BlobFacts) {
        self.key = key
        self.facts = facts
    }
}

/// A listing under way; flat in memory however many objects there are.
public protocol BlobListing: Sendable {
    /// The next objects; `nil` after the last.
    ///
    /// An object that is there all the while is told once. One that comes or goes meanwhile may be told or not.
    func next() async throws(BlobStoreError) -> ListingPage?
}

/// Some objects in the order of their keys' bytes.
public struct ListingPage: Sendable, Equatable {
    /// The objects.
    public let blobs: [ListedBlob]
    /// How many more there were whose names are no UTF-8, which no reference can mean.
    public let unreadable: Int

    /// A page of a listing.
    public init(blobs: [ListedBlob], unreadable: Int = 0) {
        self.blobs = blobs
        self.unreadable = unreadable
    }
}

/// The wish to move an object.
public struct BlobMove: Sendable, Equatable {
    /// Where it is.
    public let from: String
    /// Where it goes.
    public let to: String
    /// What it must be: tag and size.
    public let expected: BlobFacts
    /// Whether its age counts from now.
    public var renewsAge = false
    /// Whether folders that it leaves empty may go: those below `users/{user}/jobs/` alone, when the job is gone.
    public var prunesFolders = false

    /// A move from one key to another.
    public init(from: String, to: String, expected: BlobFacts) {
        self.from = from
        self.to = to
        self.expected = expected
    }

    /// What became of it.
    public enum Outcome: Sendable, Equatable {
        /// It is at the new place and no longer at the old one, durably.
        case moved
        /// It is at neither place.
        case absent
        /// It is not what was expected, or something else is at the new place; nothing was done.
        case changed
        /// The store failed; it is at the old place, at the new one, or at both.
        case failed(BlobStoreError)
    }
}
