internal import CustodeCore
internal import HTTPTypes
internal import HummingbirdCore

extension CustodeService {
    /// The reply that carries an object, or says that the reader has it.
    ///
    /// Its fields come from the row and from fixed rules, never from what was uploaded or asked for: the
    /// bytes may be anything that passed for media, so nothing here lets a browser run them.
    func served(_ found: ReadObject.Reply, _ disposition: Disposition, _ exchange: Exchange) -> Reply {
        let object = found.object
        guard let plan = found.plan else {
            var reply = Reply(.notModified)
            addValidators(object, to: &reply)
            return reply
        }
        var reply: Reply
        switch plan {
        case .whole:
            reply = Reply(.ok)
            reply.length = object.size
            if let blob = found.blob, object.size > 0 {
                reply.content = .blob(blob, ByteRange(first: 0, last: object.size - 1))
            }
        case .part(let range):
            reply = Reply(.partialContent)
            reply.length = range.count
            reply.fields[.contentRange] = "bytes \(range.first)-\(range.last)/\(object.size)"
            if let blob = found.blob { reply.content = .blob(blob, range) }
        }
        addValidators(object, to: &reply)
        addServingRules(object, disposition, to: &reply)
        if case .accel(let prefix) = configuration.delivery, Self.suitsOthers(exchange) {
            // nginx finds the length and the range for itself.
            reply.status = .ok
            reply.content = .nothing
            reply.length = nil
            reply.fields[.contentRange] = nil
            reply.fields[.accelRedirect] = prefix + PercentEncoding.encode(object.key, keeping: "/")
        }
        return reply
    }

    /// The longest that a URL of the bucket is good for.
    private static let longestRedirect: Int64 = 60

    /// Sends a reader to the bucket, for no longer than the link lives.
    func redirect(
        _ object: ReadableObject, _ link: LinkClaims, _ presigner: any PresigningStore
    ) async throws(BlobStoreError) -> Reply {
        var usual = Reply(.found)
        addServingRules(object, link.disposition, to: &usual)
        let fields = PresignedFields(
            contentType: usual.fields[.contentType] ?? "application/octet-stream",
            contentDisposition: usual.fields[.contentDisposition] ?? "attachment",
            cacheControl: Self.cacheControl,
            saveAs: Self.disposition(of: object, link.disposition) == .inline ? nil : Self.name(of: object))
        let left = (link.expiresAt.microseconds - clock.now().microseconds) / 1_000_000
        var reply = Reply(.found)
        reply.fields[.location] = try await presigner.presign(
            object.key, fields, seconds: Int(max(1, min(Self.longestRedirect, left))))
        reply.fields[.cacheControl] = Self.cacheControl
        reply.fields[.referrerPolicy] = "no-referrer"
        reply.length = 0
        return reply
    }

    private static let cacheControl = "private, no-store"

    /// Whether nginx or a bucket, which know neither our tags nor our dates, would decide a request as it was here.
    static func suitsOthers(_ exchange: Exchange) -> Bool {
        let conditions: [HTTPField.Name] = [.ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange]
        return exchange.method == .get && conditions.allSatisfy { exchange.request.headers[$0] == nil }
    }

    private func addValidators(_ object: ReadableObject, to reply: inout Reply) {
        reply.fields[.eTag] = object.etag.text
        reply.fields[.lastModified] = object.modified.httpDate
        reply.fields[.cacheControl] = Self.cacheControl
    }

    private func addServingRules(_ object: ReadableObject, _ wanted: Disposition, to reply: inout Reply) {
        reply.fields[.contentType] = Self.servedType(object.contentType)
        reply.fields[.contentDisposition] = ContentDisposition.field(
            Self.disposition(of: object, wanted), filename: Self.name(of: object))
        reply.fields[.xContentTypeOptions] = "nosniff"
        reply.fields[.contentSecurityPolicy] = "default-src 'none'; sandbox"
        reply.fields[.crossOriginResourcePolicy] = configuration.corsOrigins.isEmpty ? "same-site" : "cross-origin"
        reply.fields[.referrerPolicy] = "no-referrer"
        reply.fields[.acceptRanges] = "bytes"
    }

    /// Shown only if it is wanted so and can do no harm.
    private static func disposition(of object: ReadableObject, _ wanted: Disposition) -> Disposition {
        let isHarmless =
            object.contentType.hasPrefix("audio/") || object.contentType.hasPrefix("video/")
            || object.contentType == "text/plain"
        return wanted == .inline && isHarmless ? .inline : .attachment
    }

    private static func name(of object: ReadableObject) -> String { object.filename ?? usualName(of: object) }

    private static func servedType(_ type: String) -> String {
        switch type {
        case "text/plain", "text/vtt", "application/x-subrip": "\(type); charset=utf-8"
        default: type
        }
    }

    /// The name an object has when its uploader gave none: that of its first key.
    static func usualName(of object: ReadableObject) -> String {
        let bytes = object.key.utf8
        let ending = bytes.lastIndex(of: UInt8(ascii: ".")).map { object.key[bytes.index(after: $0)...] } ?? "bin"
        return object.object.isInput ? "original.\(ending)" : "\(object.object).\(ending)"
    }
}

extension JSONText {
    /// An object as the API describes it.
    mutating func append(_ record: ObjectRecord) {
        object { json in
            json.member("job_id", record.job.text)
            json.member("object", record.object.text)
            json.member("key", record.key)
            json.member("content_type", record.contentType)
            json.member("size", record.size)
            json.member("sha256", record.sha256.hex)
            json.member("etag", record.etag.text)
            json.member("filename", record.filename)
            json.member("created_at", record.createdAt.rfc3339)
        }
    }
}
