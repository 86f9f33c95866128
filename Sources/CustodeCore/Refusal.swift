/// Everything a client may be told instead of what it asked for: a closed list.
///
/// What goes wrong in any other way is answered as an internal error, without a word of why.
public enum Refusal: Error, Sendable, Equatable {
    /// The request contradicts itself or the rules of HTTP; the text says how to mend it.
    case badRequest(String)
    /// No credential, or one that is not known.
    case unauthorized(String)
    /// A credential that is no good; the text says why, as far as its bearer may know.
    case badCredential(String)
    /// The credential does not carry what this call needs.
    case forbidden(String)
    /// A link that was not made here, or not for this.
    case badLink
    /// A job or object that does not exist, or is somebody else's: nobody can tell which.
    case notFound
    /// The path exists, the method does not; lists those that do.
    case methodNotAllowed([String])
    /// The client took too long to send its request.
    case requestTimeout
    /// The object is there already.
    case exists(ObjectRecord)
    /// The link was good once.
    case linkExpired
    /// The link could be used once, and was.
    case linkUsed
    /// An `If-Match` or `If-None-Match` did not hold.
    case preconditionFailed(current: ETag?)
    /// The body is larger than this many bytes.
    case tooLarge(limit: Int64)
    /// The request target is longer than any of ours.
    case targetTooLong
    /// What was sent is not what this object may hold; the text names both.
    case unsupportedType(String)
    /// No byte of the range lies in an object of this size.
    case rangeNotSatisfiable(size: Int64)
    /// The database or the bucket cannot be reached now.
    case unavailable(Dependency)
    /// The catalog names the object, the bucket does not hold its bytes.
    case bytesMissing
    /// There is no room for the object.
    case noRoom
    /// The next byte of an upload is another than the request begins with.
    case uploadOffset(expected: Int64, provided: Int64)
    /// The length of an upload is said to be another than before.
    case uploadLength
    /// An upload that came to nothing; the text says why.
    case uploadGone(String)
    /// Another request has taken an upload over.
    case uploadTaken
    /// The bytes of a request are not those that its checksum is of; none were kept.
    case checksumMismatch
    /// The request names no version of the protocol that is spoken here.
    case versionUnsupported
    /// The caller has as many uploads open, has uploaded as much, or comes as often, as may be; the text says which.
    ///
    /// - Parameter retryAfter: When that may be otherwise.
    case tooMany(String, retryAfter: Duration)

    /// What the service stands on.
    public enum Dependency: String, Sendable {
        /// Postgres.
        case database
        /// The store of bytes.
        case bucket
        /// Who issues users' tokens.
        case issuer
        /// This process, which is stopping.
        case service
    }
}
