internal import CustodeCore
internal import HTTPTypes
internal import NIOCore

/// What a handler answers, before it becomes bytes.
struct Reply: Sendable {
    /// Where a reply's content comes from.
    enum Content: Sendable {
        /// None.
        case nothing
        /// These bytes.
        case bytes([UInt8])
        /// A range of an open object.
        case blob(any OpenBlob, ByteRange)
    }

    var status: HTTPResponse.Status
    var fields = HTTPFields()
    var content = Content.nothing
    /// The length to announce; for a `HEAD` it is that of the content a `GET` would have had.
    var length: Int64?
    /// Whether the connection must end with it.
    var closes = false
    /// Why it is not what was asked for, for logs and metrics.
    var reason: String?

    /// A reply without content.
    init(_ status: HTTPResponse.Status) { self.status = status }

    /// A reply of JSON.
    init(_ status: HTTPResponse.Status, json: JSONText, mediaType: String = "application/json") {
        self.status = status
        let bytes = json.utf8
        content = .bytes(bytes)
        length = Int64(bytes.count)
        fields[.contentType] = mediaType
        fields[.cacheControl] = "no-store"
        fields[.xContentTypeOptions] = "nosniff"
    }
}

extension HTTPField.Name {
    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("not a field name") }
        return name
    }

    static let contentDigest = known("Content-Digest")
    static let custodeUser = known("Custode-User")
    static let requestID = known("X-Request-Id")
    static let crossOriginResourcePolicy = known("Cross-Origin-Resource-Policy")
    static let referrerPolicy = known("Referrer-Policy")
    static let uploadComplete = known("Upload-Complete")
    static let uploadOffset = known("Upload-Offset")
    static let uploadLength = known("Upload-Length")
    static let uploadDeferLength = known("Upload-Defer-Length")
    static let uploadMetadata = known("Upload-Metadata")
    static let uploadConcat = known("Upload-Concat")
    static let uploadChecksum = known("Upload-Checksum")
    static let uploadExpires = known("Upload-Expires")
    static let uploadLimit = known("Upload-Limit")
    static let uploadInteropVersion = known("Upload-Draft-Interop-Version")
    static let reprDigest = known("Repr-Digest")
    static let acceptPatch = known("Accept-Patch")
    static let tusResumable = known("Tus-Resumable")
    static let tusVersion = known("Tus-Version")
    static let tusExtension = known("Tus-Extension")
    static let tusMaxSize = known("Tus-Max-Size")
    static let tusChecksumAlgorithm = known("Tus-Checksum-Algorithm")
    static let methodOverride = known("X-HTTP-Method-Override")
    static let custodeObject = known("Custode-Object")
    static let accelRedirect = known("X-Accel-Redirect")
}
