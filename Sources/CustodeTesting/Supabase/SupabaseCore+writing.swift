import Cryptography
import Foundation
import NIOCore

/// What an upload is to become besides its bytes.
struct SupabaseUploadForm: Sendable {
    var contentType: String
    var cacheControl: String
    var userMetadata: JSON = .null
}

extension SupabaseCore {
    /// Creates an object or, with `isUpsert`, replaces one; all that the head decides is said before the body is read.
    func create(_ request: SupabaseRequest, isUpsert: Bool) throws(SupabaseError) -> SupabasePlan {
        let role = try role(of: request)
        let id = request.segments[1]
        let key = request.key(from: 2)
        return try upload(request, key, in: id, isUpsert: isUpsert, as: role) { object in
            .json(["Id": .string(object.id), "Key": .string("\(id)/\(key)")])
        }
    }

    /// Uploads a body, raw or as a form, and answers with what is said of the row.
    func upload(
        _ request: SupabaseRequest, _ key: String, in id: String, isUpsert: Bool, as role: SupabaseRole,
        _ answer: @escaping @Sendable (SupabaseObject) -> SupabaseReply
    ) throws(SupabaseError) -> SupabasePlan {
        let bucket = try withState { state throws(SupabaseError) in try state.bucket(id) }
        let limit = SupabaseRules.isPlaceholder(key) ? 0 : limit(of: bucket)
        let types = SupabaseRules.isPlaceholder(key) ? nil : bucket.types
        let type = request.headers["Content-Type"] ?? "application/octet-stream"
        if type.hasPrefix("multipart/form-data") {
            return .collect { [self] body in
                reply { () throws(SupabaseError) in
                    guard let parts = SupabaseForm(body, contentType: type), let file = parts.file else {
                        throw .noContent
                    }
                    try SupabaseRules.allows(parts.form.contentType, types)
                    try mayWrite(key, in: id, isUpsert: isUpsert, as: role)
                    guard file.readableBytes <= limit else { throw .tooLarge }
                    return answer(try store(file, parts.form, key, in: id, isUpsert: isUpsert))
                }
            }
        }
        try SupabaseRules.allows(type, types)
        // A body of no told length is never measured.
        if let length = request.length, !request.isChunked, length > limit { throw .tooLarge }
        try mayWrite(key, in: id, isUpsert: isUpsert, as: role)
        let form = SupabaseUploadForm(
            contentType: type, cacheControl: request.headers["Cache-Control"] ?? "no-cache",
            userMetadata: Self.userMetadata(ofBase64: request.headers["x-metadata"]))
        return .collect { [self] body in
            reply { () throws(SupabaseError) in
                answer(try store(body, form, key, in: id, isUpsert: isUpsert))
            }
        }
    }

    func mayWrite(
        _ key: String, in id: String, isUpsert: Bool, as role: SupabaseRole
    ) throws(SupabaseError) {
        try withState { state throws(SupabaseError) in
            try state.mayWrite(key, in: id, isUpsert: isUpsert, as: role)
        }
    }

    /// The size that an object of this bucket may have.
    func limit(of bucket: SupabaseBucket) -> Int {
        min(bucket.limit ?? .max, configuration.largestObject)
    }

    /// The user's metadata in a header; what is not JSON is dropped without a word.
    static func userMetadata(ofBase64 text: String?) -> JSON {
        guard let bytes = text.flatMap(SupabaseText.bytes(ofBase64:)) else { return .object([:]) }
        return (try? JSON(bytes)) ?? .object([:])
    }

    /// Makes the row, in one step: readers see the old object or the new one.
    @discardableResult
    func store(
        _ bytes: ByteBuffer, _ form: SupabaseUploadForm, _ key: String, in id: String, isUpsert: Bool,
        version: String = SupabaseText.uuid(), isInParts: Bool = false
    ) throws(SupabaseError) -> SupabaseObject {
        let etag = Self.etag(of: bytes, partSize: configuration.partSize, isInParts: isInParts)
        return try withState { state throws(SupabaseError) in
            if state.configuration.rechecksCreates, !isUpsert, state.buckets[id]?[key] != nil { throw .keyExists }
            guard state.buckets[id] != nil else { throw .noSuchBucket }
            let now = state.now
            var object = SupabaseObject(
                size: bytes.readableBytes, contentType: form.contentType, cacheControl: form.cacheControl,
                etag: etag, userMetadata: form.userMetadata, created: now, updated: now, bytes: bytes)
            object.version = version
            return state.put(object, as: key, in: id)
        }
    }

    /// The quoted MD5 of the bytes, or that of the parts' ones and their count, as S3 tells it of an upload in parts.
    static func etag(of bytes: ByteBuffer, partSize: Int, isInParts: Bool = false) -> String {
        guard isInParts || bytes.readableBytes > partSize else { return quoted(MD5.hash([UInt8](buffer: bytes))) }
        var rest = bytes
        var digests: [UInt8] = []
        while rest.readableBytes > 0, let part = rest.readSlice(length: min(partSize, rest.readableBytes)) {
            digests += MD5.hash([UInt8](buffer: part))
        }
        return quoted(MD5.hash(digests), suffix: "-\(digests.count / 16)")
    }

    private static func quoted(_ digest: [UInt8], suffix: String = "") -> String {
        let text = digest.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return "\"\(text)\(suffix)\""
    }
}
