internal import CustodeCore
internal import NIOPosix

/// A listing of a directory bucket, walked on threads of the pool.
///
/// Calls come one after another: the walk is touched by one thread at a time, and only within a call.
final class DirectoryListing: BlobListing, @unchecked Sendable {
    private let store: DirectoryStore
    private let walk: DirectoryWalk

    init(_ store: DirectoryStore, _ scope: ListingScope, window: Int = DirectoryNames.window) {
        self.store = store
        walk = DirectoryWalk(root: store.root, scope: scope, window: window)
    }

    func next() async throws(BlobStoreError) -> ListingPage? {
        try await store.threads.perform { () throws(BlobStoreError) in try self.walk.next() }
    }
}
