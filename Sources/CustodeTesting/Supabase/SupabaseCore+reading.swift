import Foundation
import NIOCore

extension SupabaseCore {
    /// The object, if a request of this role, or of none, may read it.
    func readable(
        _ key: String, in id: String, as role: SupabaseRole?, isPublicDoor: Bool
    ) throws(SupabaseError) -> SupabaseObject {
        let found = withState { state in
            Result { () throws(SupabaseError) in
                guard let bucket = state.buckets[id] else { throw .noSuchBucket }
                // Nobody without a token is told that a private bucket exists.
                guard bucket.isPublic || role != nil && !isPublicDoor else { throw .noSuchBucket }
                return try state.object(key, in: id, as: bucket.isPublic ? .service : role ?? .bound)
            }
        }
        return try found.get()
    }

    func info(_ object: SupabaseObject, _ key: String, in id: String) -> SupabaseReply {
        let body: JSON = .object([
            "id": .string(object.id), "name": .string(key), "version": .string(object.version),
            "bucket_id": .string(id), "size": .number(Double(object.size)),
            "content_type": .string(object.contentType), "cache_control": .string(object.cacheControl),
            "etag": .string(object.etag), "metadata": object.userMetadata,
            "last_modified": SupabaseText.json(object.updated), "created_at": SupabaseText.json(object.created),
        ])
        return .json(body).with([
            "ETag": object.etag, "Last-Modified": SupabaseText.httpDate(object.updated),
            "Cache-Control": "no-cache",
        ])
    }

    /// What a HEAD tells: the row alone, whether the bytes are there or not.
    func head(_ object: SupabaseObject) -> SupabaseReply {
        var reply = SupabaseReply(200, headers: fields(of: object) + ["Cache-Control": object.cacheControl])
        reply.toldLength = object.size
        return reply
    }

    private func fields(of object: SupabaseObject) -> HeaderList {
        // No page of a user's own is to run in the origin of the project.
        let type = object.contentType.contains("text/html") ? "text/plain" : object.contentType
        return [
            "Accept-Ranges": "bytes", "Content-Type": type, "ETag": object.etag,
            "Last-Modified": SupabaseText.httpDate(object.updated), "X-Robots-Tag": "none",
        ]
    }

    /// The bytes, or the part of them that is wanted; a link's end takes the place of `Cache-Control`.
    func asset(
        _ object: SupabaseObject, _ request: SupabaseRequest, expires: Date? = nil
    ) throws(SupabaseError) -> SupabaseReply {
        guard let bytes = object.bytes else { throw .bytesGone }
        if isUnchanged(object, request) { return SupabaseReply(304) }
        var fields = fields(of: object)
        if let expires {
            fields = fields + ["Expires": SupabaseText.httpDate(expires)]
        } else {
            fields = fields + ["Cache-Control": object.cacheControl]
        }
        if let name = request.query["download"] { fields = fields + ["Content-Disposition": Self.disposition(name)] }
        guard let field = request.headers["Range"], let wanted = Self.range(field, of: object.size) else {
            return SupabaseReply(200, headers: fields, body: bytes)
        }
        // S3's 416 is no error that the server knows, so it comes out as its own fault.
        guard let range = wanted,
            let part = bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count)
        else { throw .internalError }
        let told = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(object.size)"
        return SupabaseReply(206, headers: fields + ["Content-Range": told], body: part)
    }

    private func isUnchanged(_ object: SupabaseObject, _ request: SupabaseRequest) -> Bool {
        if let tags = request.headers["If-None-Match"] {
            return tags == "*"
                || tags.split(separator: ",").contains { tag in
                    let bare = tag.trimmingCharacters(in: .whitespaces)
                    return bare == object.etag || bare == "W/" + object.etag
                }
        }
        guard let since = request.headers["If-Modified-Since"].flatMap(SupabaseText.date(ofHTTP:)) else {
            return false
        }
        return object.updated.timeIntervalSince1970.rounded(.down) <= since.timeIntervalSince1970
    }

    private static func disposition(_ name: String) -> String {
        guard !name.isEmpty else { return "attachment;" }
        let encoded = SupabaseText.encodedComponent(name)
        return "attachment; filename=\(encoded); filename*=UTF-8''\(encoded);"
    }

    /// The part that a `Range` wants: nil if the field is to be ignored, `.some(nil)` if there is no such part.
    private static func range(_ field: String, of size: Int) -> Range<Int>?? {
        guard field.hasPrefix("bytes="), !field.contains(",") else { return nil }
        let sides = field.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard sides.count == 2 else { return nil }
        switch (sides[0].isEmpty, Int(sides[0]), sides[1].isEmpty, Int(sides[1])) {
        case (true, nil, false, let count?):
            guard count > 0, size > 0 else { return .some(nil) }
            return .some(max(0, size - count)..<size)
        case (false, let first?, true, nil):
            return .some(first < size ? first..<size : nil)
        case (false, let first?, false, let last?):
            guard first <= last else { return nil }
            return .some(first < size ? first..<min(size, last + 1) : nil)
        default: return nil
        }
    }
}
