/// A store that can copy an object of its own without the bytes passing through here again.
public protocol CopyingStore: BlobStore {
    /// Starts what will be a copy of an object, of exactly the writing that these facts tell of.
    ///
    /// The bytes written to it are hashed and counted, and go nowhere: they must be those that were read of that writing.
    /// Publication fails if the object is another by then.
    /// - Throws: As ``BlobStore/beginUpload(as:contentType:expectedSize:)``.
    func beginCopy(
        of source: String, _ facts: BlobFacts, as key: ObjectKey, contentType: String
    ) async throws(BlobStoreError) -> any BlobUpload
}
