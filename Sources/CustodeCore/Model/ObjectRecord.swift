/// What is known of a published object.
public struct ObjectRecord: Sendable, Equatable {
    /// The job it belongs to.
    public let job: JobID
    /// Which object of the job it is.
    public let object: ObjectName
    /// Where its bytes live.
    public let key: String
    /// The type it is served as, without parameters.
    public let contentType: String
    /// Its size in bytes.
    public let size: Int64
    /// The SHA-256 of its bytes.
    public let sha256: Digest
    /// Its strong entity tag.
    public let etag: ETag
    /// The cosmetic name that the uploader gave it.
    public let filename: String?
    /// When it was published.
    public let createdAt: Timestamp

    /// A record as the catalog holds it.
    public init(
        job: JobID, object: ObjectName, key: String, contentType: String, size: Int64, sha256: Digest,
        etag: ETag, filename: String?, createdAt: Timestamp
    ) {
        self.job = job
        self.object = object
        self.key = key
        self.contentType = contentType
        self.size = size
        self.sha256 = sha256
        self.etag = etag
        self.filename = filename
        self.createdAt = createdAt
    }
}
