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
    static let accelRedirect = known("X-Accel-Redirect")
}
