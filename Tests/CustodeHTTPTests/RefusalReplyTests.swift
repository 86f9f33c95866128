import CustodeCore
import Foundation
import HTTPTypes
import Testing

@testable import CustodeHTTP

@Suite("what a client is told of a refusal (RFC 9457)")
struct RefusalReplyTests {
    private static func record() throws -> ObjectRecord {
        let digest = try #require(Digest([UInt8](repeating: 7, count: 32)))
        return ObjectRecord(
            job: try #require(JobID("42")), object: .input, key: "users/secret/key", contentType: "audio/wav", size: 1,
            sha256: digest, etag: ETag(digest), filename: nil, createdAt: Timestamp(seconds: 0))
    }

    static func all() throws -> [Refusal] {
        [
            .badRequest("mend it"), .unauthorized("who"), .badCredential("over"), .forbidden("may not"), .badLink,
            .notFound,
            .methodNotAllowed(["GET", "PUT"]), .requestTimeout, .exists(try record()), .linkExpired, .linkUsed,
            .preconditionFailed(current: nil), .preconditionFailed(current: try record().etag), .tooLarge(limit: 9),
            .targetTooLong, .unsupportedType("not this"), .rangeNotSatisfiable(size: 7),
            .unavailable(.database), .unavailable(.bucket), .unavailable(.service), .unavailable(.issuer),
            .bytesMissing, .noRoom,
            .uploadOffset(expected: 5, provided: 4), .uploadLength, .uploadGone("rested"), .uploadTaken,
            .checksumMismatch,
            .versionUnsupported, .tooMany("wait", retryAfter: .milliseconds(1_200)),
        ]
    }

    /// What the papers say; a new case does not compile before it is in here, and in the list above.
    private static func expected(_ refusal: Refusal) -> (status: Int, slug: String) {
        switch refusal {
        case .badRequest: (400, "bad-request")
        case .unauthorized, .badCredential: (401, "unauthorized")
        case .forbidden: (403, "forbidden")
        case .badLink: (403, "bad-link")
        case .notFound: (404, "not-found")
        case .methodNotAllowed: (405, "method-not-allowed")
        case .requestTimeout: (408, "request-timeout")
        case .exists: (409, "exists")
        case .linkExpired: (410, "link-expired")
        case .linkUsed: (410, "link-used")
        case .preconditionFailed: (412, "precondition-failed")
        case .tooLarge: (413, "too-large")
        case .targetTooLong: (414, "target-too-long")
        case .unsupportedType: (415, "unsupported-type")
        case .rangeNotSatisfiable: (416, "range-not-satisfiable")
        case .unavailable(.database): (503, "database-unavailable")
        case .unavailable(.bucket): (503, "bucket-unavailable")
        case .unavailable(.service): (503, "service-unavailable")
        case .unavailable(.issuer): (503, "issuer-unavailable")
        case .bytesMissing: (503, "bytes-missing")
        case .noRoom: (507, "no-room")
        case .uploadOffset: (409, "mismatching-upload-offset")
        case .uploadLength: (400, "inconsistent-upload-length")
        case .uploadGone: (410, "upload-gone")
        case .uploadTaken: (423, "upload-taken")
        case .checksumMismatch: (460, "checksum-mismatch")
        case .versionUnsupported: (412, "tus-version")
        case .tooMany: (429, "too-many")
        }
    }

    private func document(_ reply: Reply) throws -> [String: Any] {
        guard case .bytes(let bytes) = reply.content else { return [:] }
        #expect(reply.length == Int64(bytes.count))
        return try #require(try JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any])
    }

    @Test("every refusal has its status, its slug, a title and a word on what to do about it")
    func table() throws {
        for refusal in try Self.all() {
            let (status, slug) = Self.expected(refusal)
            let reply = Reply(refusal, instance: "request-1")
            let document = try document(reply)
            #expect(reply.status.code == status && document["status"] as? Int == status)
            #expect(document["type"] as? String == "urn:custode:\(slug)" && reply.reason == slug)
            #expect((document["title"] as? String)?.isEmpty == false)
            #expect((document["detail"] as? String)?.isEmpty == false)
            #expect(document["instance"] as? String == "request-1")
            #expect(reply.fields[.contentType] == "application/problem+json")
            #expect(!reply.status.reasonPhrase.isEmpty)
        }
    }

    @Test("no refusal tells a key of the bucket")
    func noKeys() throws {
        for refusal in try Self.all() {
            guard case .bytes(let bytes) = Reply(refusal, instance: "x").content else { continue }
            #expect(!String(decoding: bytes, as: UTF8.self).contains("users/secret"))
        }
    }

    @Test("the fields that HTTP asks for go with their statuses")
    func fields() throws {
        let tag = try Self.record().etag.text
        #expect(Reply(.unauthorized("x"), instance: "x").fields[.wwwAuthenticate] == "Bearer")
        let wait = { (wait: Duration) in Reply(.tooMany("x", retryAfter: wait), instance: "x").fields[.retryAfter] }
        #expect([Duration.zero, .seconds(2), .milliseconds(2_001)].map(wait) == ["1", "2", "3"])
        let invalid = Reply(.badCredential("x"), instance: "x").fields[.wwwAuthenticate]
        #expect(invalid == #"Bearer error="invalid_token""#, "RFC 6750 §3.1")
        #expect(Reply(.methodNotAllowed(["GET", "PUT"]), instance: "x").fields[.allow] == "GET, PUT")
        #expect(Reply(.exists(try Self.record()), instance: "x").fields[.eTag] == tag)
        #expect(Reply(.preconditionFailed(current: try Self.record().etag), instance: "x").fields[.eTag] == tag)
        #expect(Reply(.preconditionFailed(current: nil), instance: "x").fields[.eTag] == nil)
        #expect(Reply(.rangeNotSatisfiable(size: 7), instance: "x").fields[.contentRange] == "bytes */7")
        for dependency in [Refusal.Dependency.database, .bucket, .service, .issuer] {
            #expect(Reply(.unavailable(dependency), instance: "x").fields[.retryAfter] != nil)
        }
    }

    @Test("an object that is there is told with its ETag and its SHA-256")
    func exists() throws {
        let record = try Self.record()
        let document = try document(Reply(.exists(record), instance: "x"))
        #expect(document["sha256"] as? String == record.sha256.hex && document["etag"] as? String == record.etag.text)
    }

    @Test("an error that nobody foresaw is told without a word of what it was")
    func unforeseen() throws {
        struct Secret: Error { let sql = "select secret" }
        #expect(Refusal(caught: Secret()) == nil)
        #expect(Refusal(caught: CatalogError.failed("select secret")) == nil)
        let reply = Reply.internalError(instance: "request-1")
        let document = try document(reply)
        #expect(reply.status.code == 500 && document["instance"] as? String == "request-1")
        #expect(document["type"] as? String == "urn:custode:internal")
    }

    @Test("what the ports throw is told by whose fault it is")
    func caught() {
        #expect(Refusal(caught: Refusal.notFound) == .notFound)
        #expect(Refusal(caught: CatalogError.unavailable("x")) == .unavailable(.database))
        #expect(Refusal(caught: BlobStoreError.noRoom) == .noRoom)
        #expect(Refusal(caught: BlobStoreError.absent) == .bytesMissing)
        #expect(Refusal(caught: BlobStoreError.unavailable("x")) == .unavailable(.bucket))
        #expect(Refusal(caught: BlobStoreError.unsettled("x")) == .unavailable(.bucket))
        #expect(Refusal(caught: CancellationError()) == .unavailable(.service))
        #expect(Refusal(caught: ConnectionTimeout.body) == .requestTimeout)
        #expect(Refusal(caught: BodyEndedEarly()) == .badRequest("The body ended before its announced length."))
    }

    @Test("a problem inside a batch is the document under the name problem")
    func inBatch() throws {
        var json = JSONText()
        json.appendProblem(.notFound, instance: "request-1")
        let outer = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: [String: Any]])
        #expect(outer["problem"]?["type"] as? String == "urn:custode:not-found")
        #expect(outer["problem"]?["status"] as? Int == 404)
    }

    @Test("a title becomes the last part of a type")
    func slugs() {
        #expect(Problem.slug("Request Header Fields Too Large") == "request-header-fields-too-large")
    }
}
