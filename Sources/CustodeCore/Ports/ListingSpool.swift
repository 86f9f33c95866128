/// A place for more entries than memory should hold: written once, in order, then read as often as wanted.
///
/// Nothing of it outlives the value.
public protocol ListingSpool: Sendable {
    /// Takes further entries.
    ///
    /// - Throws: ``BlobStoreError/noRoom``, ``BlobStoreError/unavailable(_:)``.
    func append(_ blobs: [ListedBlob]) async throws(BlobStoreError)

    /// Reads all entries from the first, in the order in which they were taken; none may be added from then on.
    func read() async throws(BlobStoreError) -> any BlobListing
}
