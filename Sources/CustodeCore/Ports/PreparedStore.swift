/// A store that something must be seen to before it is used.
public protocol PreparedStore: BlobStore {
    /// Makes the bucket if it is not there, and looks whether it may be used.
    ///
    /// - Throws: ``UnfitBucket`` if it may not; ``BlobStoreError`` if that cannot be told.
    func prepare() async throws
}

/// A bucket that must not be used as it is: nobody's recordings go there.
public struct UnfitBucket: Error, Equatable, CustomStringConvertible {
    /// One sentence: what was found, and the way out.
    public let description: String

    /// A bucket and what is wrong with it.
    public init(_ sentence: String) { description = sentence }
}
