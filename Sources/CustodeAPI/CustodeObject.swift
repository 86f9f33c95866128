/// An object of a job, as the service tells of it.
public struct CustodeObject: Sendable, Decodable {
    /// The job's id.
    public let job: String
    /// `input`, or an artifact's kind.
    public let object: String
    /// Its key in the bucket.
    public let key: String
    /// The type it is served as.
    public let contentType: String
    /// Its length in bytes.
    public let size: Int64
    /// Lower-case hex; `nil` where it is not known, as of files from before.
    public let sha256: String?
    /// The strong entity tag, its quotes included.
    public let etag: String
    /// The name it came with.
    public let filename: String?
    /// When it was stored, RFC 3339 in UTC.
    public let createdAt: String?

    private enum CodingKeys: String, CodingKey {
        case object, key, size, sha256, etag, filename
        case job = "job_id"
        case contentType = "content_type"
        case createdAt = "created_at"
    }
}
