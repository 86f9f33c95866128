import Foundation
import NIOCore

/// A tus upload that may still be continued, or is done.
struct SupabaseUpload: Sendable {
    let bucket: String
    let key: String
    let version: String
    /// Nil until a deferred length is declared.
    var length: Int?
    /// One whose length was deferred never becomes an object.
    let isDeferred: Bool
    /// The field of the creation, given back as it was.
    let metadata: String
    let form: SupabaseUploadForm
    let created: Date
    var bytes: ByteBuffer
    var lock: SupabaseLock?

    var offset: Int { bytes.readableBytes }
    var isComplete: Bool { offset == length && !isDeferred }

    /// The name that URLs carry in base64url.
    var id: String { "\(bucket)/\(key)/\(version)" }

    /// The values of an `Upload-Metadata` field, or nil if it is malformed.
    static func values(of field: String) -> [String: String]? {
        var values: [String: String] = [:]
        for pair in field.split(separator: ",") {
            let sides = pair.trimmingCharacters(in: .whitespaces).split(separator: " ")
            guard let name = sides.first, sides.count <= 2 else { return nil }
            guard let bytes = SupabaseText.bytes(ofBase64: sides.count == 2 ? String(sides[1]) : "") else { return nil }
            values[String(name)] = String(decoding: bytes, as: UTF8.self)
        }
        return values
    }

    static func form(of values: [String: String]) -> SupabaseUploadForm {
        let life = values["cacheControl"].flatMap { Int($0) }
        return SupabaseUploadForm(
            contentType: values["contentType"] ?? "application/octet-stream",
            cacheControl: life.map { "max-age=\($0)" } ?? "no-cache",
            userMetadata: values["metadata"].flatMap { try? JSON(Array($0.utf8)) } ?? .null)
    }
}

/// The request that alone may touch an upload.
struct SupabaseLock: Sendable {
    let holder: SupabaseHolder
    /// Since when another request waits for it.
    var isWantedSince: ContinuousClock.Instant?
}

/// A request that may come to hold an upload.
struct SupabaseHolder: Sendable {
    let id: Int
    /// Ends the request in favour of another one.
    let cutOff: @Sendable () -> Void
}

/// The way of a request's bytes into an upload.
struct SupabaseTransfer: Sendable {
    let upload: String
    let holder: SupabaseHolder
    /// Where it began, which is where it goes back to if broken bytes are not kept.
    let start: Int
    let isUpsert: Bool
    /// What the creation answers, when this is the one.
    let creation: SupabaseReply?
}
