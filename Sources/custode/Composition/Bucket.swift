import CustodeCore
import HTTPFetch

/// An open bucket, and what it is reached by.
struct Bucket {
    let store: any ResumableStore
    let fetcher: Fetcher?

    /// Makes it, if its kind is made by us, and looks whether it may be used at all.
    ///
    /// - Throws: ``UnfitBucket`` if not; ``BlobStoreError`` if that cannot be told now.
    func prepare() async throws { try await (store as? any PreparedStore)?.prepare() }

    /// Ends what is on its way to it or from it.
    func close() async { await fetcher?.shutdown() }
}
