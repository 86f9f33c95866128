/// A store that can let others fetch an object from it directly.
public protocol PresigningStore: BlobStore {
    /// A URL from which one object can be had, by `GET`, without a further credential, for so many seconds.
    ///
    /// - Throws: ``BlobStoreError``, of stores whose service does the signing.
    func presign(
        _ key: String, _ fields: PresignedFields, seconds: Int
    ) async throws(BlobStoreError) -> String
}

/// What the reply to a presigned request says of the object; signed, so that nobody can have it say otherwise.
public struct PresignedFields: Sendable, Equatable {
    /// `Content-Type`.
    public let contentType: String
    /// `Content-Disposition`.
    public let contentDisposition: String
    /// `Cache-Control`.
    public let cacheControl: String
    /// The name to save it as, if it is to be saved and not shown: for services that write the field themselves.
    public let saveAs: String?

    /// The fields of a reply.
    public init(contentType: String, contentDisposition: String, cacheControl: String, saveAs: String?) {
        self.contentType = contentType
        self.contentDisposition = contentDisposition
        self.cacheControl = cacheControl
        self.saveAs = saveAs
    }
}
