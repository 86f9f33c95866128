internal import CustodeCore
internal import HTTPTypes

extension Reply {
    /// Tells a refusal: the one place where what the core refuses becomes HTTP.
    ///
    /// - Parameter dialect: The protocol of resumable uploads that the client speaks, if it does.
    init(_ refusal: Refusal, instance: String, dialect: UploadDialect? = nil) {
        let facts = refusal.facts
        var json = JSONText()
        json.appendDocument(refusal, instance: instance, dialect: dialect)
        self.init(facts.status, json: json, mediaType: Problem.mediaType)
        reason = facts.slug
        switch refusal {
        case .unauthorized: fields[.wwwAuthenticate] = "Bearer"
        case .badCredential: fields[.wwwAuthenticate] = #"Bearer error="invalid_token""#
        case .methodNotAllowed(let methods): fields[.allow] = methods.joined(separator: ", ")
        case .exists(let record): fields[.eTag] = record.etag.text
        case .preconditionFailed(let current?): fields[.eTag] = current.text
        case .rangeNotSatisfiable(let size): fields[.contentRange] = "bytes */\(size)"
        case .unavailable: fields[.retryAfter] = "5"
        case .tooMany(_, let wait): fields[.retryAfter] = String(max(1, Int64((wait / .seconds(1)).rounded(.up))))
        case .versionUnsupported: fields[.tusVersion] = TusVersion.supported
        case .uploadOffset(let expected, _):
            fields[.uploadOffset] = String(expected)
            if dialect != .tus { fields[.uploadComplete] = "?0" }
        case .uploadLength where dialect == .draft: fields[.uploadComplete] = "?0"
        case .tooLarge(let limit) where dialect == .draft: fields[.uploadLimit] = "max-size=\(limit)"
        default: break
        }
    }

    /// Tells that something went wrong that nobody foresaw, without a word of what.
    static func internalError(instance: String) -> Reply {
        var json = JSONText()
        json.object { json in
            json.member("type", "urn:custode:internal")
            json.member("title", "Internal Error")
            json.member("status", 500)
            json.member("detail", "Something went wrong here; quote the instance to the operator.")
            json.member("instance", instance)
        }
        var reply = Reply(.internalServerError, json: json, mediaType: Problem.mediaType)
        reply.reason = "internal"
        return reply
    }
}

extension JSONText {
    /// A refusal inside a reply that tells of several things.
    mutating func appendProblem(_ refusal: Refusal, instance: String) {
        object { json in
            json.name("problem")
            json.appendDocument(refusal, instance: instance)
        }
    }

    fileprivate mutating func appendDocument(
        _ refusal: Refusal, instance: String, dialect: UploadDialect? = nil
    ) {
        let facts = refusal.facts
        object { json in
            json.member(
                "type", (dialect == .draft ? refusal.draftType : nil) ?? "urn:custode:\(facts.slug)")
            json.member("title", facts.title)
            json.member("status", facts.status.code)
            json.member("detail", facts.detail)
            json.member("instance", instance)
            if case .exists(let record) = refusal {
                json.member("sha256", record.sha256.hex)
                json.member("etag", record.etag.text)
            }
            if case .uploadOffset(let expected, let provided) = refusal {
                json.member("expected-offset", expected)
                json.member("provided-offset", provided)
            }
        }
    }
}

extension Refusal {
    fileprivate struct Facts {
        let status: HTTPResponse.Status
        let slug: String
        let title: String
        let detail: String

        init(_ status: HTTPResponse.Status, _ slug: String, _ title: String, _ detail: String) {
            self.status = status
            self.slug = slug
            self.title = title
            self.detail = detail
        }
    }

    fileprivate var facts: Facts {
        switch self {
        case .badRequest(let detail): Facts(.badRequest, "bad-request", "Bad Request", detail)
        case .unauthorized(let detail), .badCredential(let detail):
            Facts(.unauthorized, "unauthorized", "Unauthorized", detail)
        case .forbidden(let detail): Facts(.forbidden, "forbidden", "Forbidden", detail)
        case .badLink:
            Facts(
                .forbidden, "bad-link", "Bad Link", "This link was not made here, or not for this; ask for a new one.")
        case .notFound:
            Facts(.notFound, "not-found", "Not Found", "There is no such job or object; check the ids and the user.")
        case .methodNotAllowed(let methods):
            Facts(
                .methodNotAllowed, "method-not-allowed", "Method Not Allowed",
                "This resource answers \(methods.joined(separator: ", ")).")
        case .requestTimeout:
            Facts(
                .requestTimeout, "request-timeout", "Request Timeout", "The body came too slowly; send it again.")
        case .exists:
            Facts(
                .conflict, "exists", "Exists",
                "The object is there already; replace it with If-Match and its ETag, or leave it.")
        case .linkExpired: Facts(.gone, "link-expired", "Link Expired", "The link's time is over; ask for a new one.")
        case .linkUsed: Facts(.gone, "link-used", "Link Used", "The link worked once, and was used; ask for a new one.")
        case .preconditionFailed:
            Facts(
                .preconditionFailed, "precondition-failed", "Precondition Failed",
                "The object is not as If-Match or If-None-Match wants it; look at its ETag and decide anew.")
        case .tooLarge(let limit):
            Facts(.contentTooLarge, "too-large", "Content Too Large", "At most \(limit) bytes are taken here.")
        case .targetTooLong:
            Facts(
                .uriTooLong, "target-too-long", "URI Too Long", "No address of this service is longer than 8192 bytes.")
        case .unsupportedType(let detail):
            Facts(.unsupportedMediaType, "unsupported-type", "Unsupported Media Type", detail)
        case .rangeNotSatisfiable(let size):
            Facts(
                .rangeNotSatisfiable, "range-not-satisfiable", "Range Not Satisfiable",
                "The object has \(size) bytes; ask for some of them.")
        case .unavailable(let dependency):
            Facts(
                .serviceUnavailable, "\(dependency.rawValue)-unavailable", "Service Unavailable",
                "The \(dependency.rawValue) does not answer; try again in a few seconds. With Content-Digest an upload is safe to repeat."
            )
        case .bytesMissing:
            Facts(
                .serviceUnavailable, "bytes-missing", "Bytes Missing",
                "The object is known but its bytes are not in the bucket; tell the operator.")
        case .noRoom:
            Facts(
                .init(code: 507, reasonPhrase: "Insufficient Storage"), "no-room", "Insufficient Storage",
                "The bucket has no room for this; try again when there is.")
        case .uploadOffset(let expected, _):
            Facts(
                .conflict, "mismatching-upload-offset", "Mismatching Upload Offset",
                "The upload has \(expected) bytes; go on from there.")
        case .uploadLength:
            Facts(
                .badRequest, "inconsistent-upload-length", "Inconsistent Upload Length",
                "What the request says of the whole is not what was said of it before, or what came of it.")
        case .uploadGone(let detail): Facts(.gone, "upload-gone", "Upload Gone", detail)
        case .uploadTaken:
            Facts(
                .init(code: 423, reasonPhrase: "Locked"), "upload-taken", "Locked",
                "Another request has taken the upload over; ask for the offset, and go on from there.")
        case .checksumMismatch:
            Facts(
                .init(code: 460, reasonPhrase: "Checksum Mismatch"), "checksum-mismatch", "Checksum Mismatch",
                "The bytes are not those that the checksum is of; none were kept, send them again.")
        case .versionUnsupported:
            Facts(
                .preconditionFailed, "tus-version", "Precondition Failed",
                "Send Tus-Resumable: \(TusVersion.supported).")
        case .tooMany(let detail, _): Facts(.tooManyRequests, "too-many", "Too Many Requests", detail)
        }
    }

    /// The registered type of a problem that the draft names.
    fileprivate var draftType: String? {
        switch self {
        case .uploadOffset, .uploadLength: "https://iana.org/assignments/http-problem-types#\(facts.slug)"
        default: nil
        }
    }
}
