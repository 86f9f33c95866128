/// What a reader is told of an object.
public struct ReadableObject: Sendable, Equatable {
    /// Which object of its job it is.
    public let object: ObjectName
    /// Where its bytes live.
    public let key: String
    /// The type it is served as, without parameters.
    public let contentType: String
    /// Its size in bytes.
    public let size: Int64
    /// Its strong entity tag.
    public let etag: ETag
    /// The cosmetic name; `nil` if nobody gave it one.
    public let filename: String?
    /// When it was published or, from before, last written.
    public let modified: Timestamp

    /// An object that was published.
    public init(_ record: ObjectRecord) {
        self.init(
            object: record.object, key: record.key, contentType: record.contentType, size: record.size,
            etag: record.etag, filename: record.filename, modified: record.createdAt)
    }

    /// An object as its bytes show it.
    init(
        object: ObjectName, key: String, contentType: String, size: Int64, etag: ETag, filename: String?,
        modified: Timestamp
    ) {
        self.object = object
        self.key = key
        self.contentType = contentType
        self.size = size
        self.etag = etag
        self.filename = filename
        self.modified = modified
    }
}
