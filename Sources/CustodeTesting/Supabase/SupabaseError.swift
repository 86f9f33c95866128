/// What the server refuses a request with; the status on the wire is mostly another than the one inside.
struct SupabaseError: Error {
    /// The status that the body tells.
    var status: Int
    /// The machine-readable name that newer versions tell.
    var code: String
    /// The older name, which may be prose.
    var error: String
    var message: String
    /// The status on the wire: 500 for 500, else 400, but for a few.
    var wireStatus: Int

    init(_ status: Int, _ code: String, _ message: String, error: String? = nil, wireStatus: Int? = nil) {
        self.status = status
        self.code = code
        self.error = error ?? code
        self.message = message
        self.wireStatus = wireStatus ?? (status == 500 ? 500 : 400)
    }

    /// The reply with the body that all errors share.
    func reply(omitsCode: Bool) -> SupabaseReply {
        var body: [String: JSON] = [
            "statusCode": .string(String(status)), "error": .string(error), "message": .string(message),
        ]
        if !omitsCode { body["code"] = .string(code) }
        return .json(.object(body), status: wireStatus)
    }

    /// The reply as tus requests get it: prose with the true status.
    var plainReply: SupabaseReply { .text(message, status: status) }

    static let noSuchKey = SupabaseError(404, "NoSuchKey", "Object not found", error: "not_found")
    static let bytesGone = SupabaseError(404, "NoSuchKey", "The resource was not found", error: "Not found")
    static let noSuchBucket = SupabaseError(404, "NoSuchBucket", "Bucket not found", error: "Bucket not found")
    static let keyExists = SupabaseError(
        409, "KeyAlreadyExists", "The resource already exists", error: "Duplicate")
    static let resourceExists = SupabaseError(
        409, "ResourceAlreadyExists", "The resource already exists", error: "Duplicate")
    static let bucketExists = SupabaseError(
        409, "BucketAlreadyExists", "The resource already exists", error: "Duplicate")
    static let bucketNotEmpty = SupabaseError(
        409, "ResourceNotEmpty", "The bucket you tried to delete is not empty")
    static let tooLarge = SupabaseError(
        413, "EntityTooLarge", "The object exceeded the maximum allowed size", error: "Payload too large")
    static let rowSecurity = denied("new row violates row-level security policy")
    static let noContent = SupabaseError(400, "InvalidRequest", "No content provided")
    static let invalidSignature = SupabaseError(400, "InvalidSignature", "Invalid signature")
    static let invalidCursor = SupabaseError(400, "InvalidParameter", "Invalid Parameter continuation token")
    static let internalError = SupabaseError(
        500, "InternalError", "Internal Server Error", error: "Internal")
    static let lockTimeout = SupabaseError(
        503, "LockTimeout", "acquiring lock timeout", error: "acquiring_lock_timeout")
    static let resourceLocked = SupabaseError(423, "ResourceLocked", "The resource is locked")
    static let readOnly = SupabaseError(
        503, "DatabaseReadOnly", "The database is currently in read-only mode. Please try again later.")
    static let slowDown = SupabaseError(
        429, "SlowDown", "Too many connections issued to the database", error: "too_many_connections",
        wireStatus: 429)
    static let databaseTimeout = SupabaseError(
        544, "DatabaseTimeout", "The connection to the database timed out", wireStatus: 544)
    static let aborted = SupabaseError(500, "AbortedTerminate", "Upload was aborted")
    static let emptyJSON = SupabaseError(
        400, "InvalidRequest", "Body cannot be empty when content-type is set to 'application/json'",
        error: "FastifyError")
    /// The one copy of an S3 bucket ends at 5 GiB, and so does a move.
    static let copyTooLarge = SupabaseError(
        400, "S3Error", "InvalidRequest",
        error: "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120")

    static func denied(_ message: String, wireStatus: Int? = nil) -> SupabaseError {
        SupabaseError(403, "AccessDenied", message, error: "Unauthorized", wireStatus: wireStatus)
    }

    static func invalidKey(_ key: String) -> SupabaseError {
        SupabaseError(400, "InvalidKey", "Invalid key: \(key)")
    }

    static func invalidType(_ type: String) -> SupabaseError {
        SupabaseError(415, "InvalidMimeType", "mime type \(type) is not supported", error: "invalid_mime_type")
    }

    /// A request that does not fit its route.
    static func schema(_ message: String) -> SupabaseError {
        SupabaseError(400, "InvalidRequest", message, error: "Error")
    }

    /// A route that there is none, which must not read as an object that is gone.
    static func noRoute(_ line: String) -> SupabaseError {
        SupabaseError(404, "InvalidRequest", "Route \(line) not found", error: "Not Found", wireStatus: 404)
    }
}
