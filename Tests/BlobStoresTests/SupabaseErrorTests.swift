import CustodeCore
import HTTPFetch
import Testing

@testable import BlobStores

@Suite("what replies of a Supabase project mean")
struct SupabaseErrorTests {
    /// A reply, and what is to be made of it.
    struct Case: Sendable, CustomTestStringConvertible {
        let http: Int
        let body: String
        let type: String
        let code: String
        let status: Int
        var isAbsent = false
        var isTaken = false
        var mayBeDone = false
        var isPassing = false

        var testDescription: String { "\(http) \(body.prefix(60))" }

        init(
            _ http: Int, _ body: String, _ code: String, _ status: Int, _ traits: Trait...,
            type: String = "application/json"
        ) {
            (self.http, self.body, self.type, self.code, self.status) = (http, body, type, code, status)
            isAbsent = traits.contains(.absent)
            isTaken = traits.contains(.taken)
            mayBeDone = traits.contains(.mayBeDone)
            isPassing = traits.contains(.passing)
        }

        enum Trait { case absent, taken, mayBeDone, passing }
    }

    private static func body(_ status: String, _ code: String?, _ error: String, _ message: String) -> String {
        let told = code.map { "\"code\":\"\($0)\"," } ?? ""
        return "{\"statusCode\":\"\(status)\",\(told)\"error\":\"\(error)\",\"message\":\"\(message)\"}"
    }

    private static let page = "<!DOCTYPE html>\n<html><body>no</body></html>"

    static let cases = [
        Case(400, body("404", "NoSuchKey", "not_found", "Object not found"), "NoSuchKey", 404, .absent),
        Case(400, body("404", nil, "not_found", "Object not found"), "NoSuchKey", 404, .absent),
        Case(404, body("404", nil, "Not found", "Object not found"), "NoSuchKey", 404, .absent),
        Case(400, body("404", "NoSuchBucket", "Bucket not found", "Bucket not found"), "NoSuchBucket", 404),
        Case(400, body("404", nil, "Bucket not found", "Bucket not found"), "NoSuchBucket", 404),
        Case(404, body("404", "InvalidRequest", "Not Found", "Route GET:/x not found"), "InvalidRequest", 404),
        Case(404, body("404", nil, "Not Found", "Route GET:/x not found"), "Status404", 404),
        Case(404, "{\"message\":\"no Route matched with those values\"}", "Status404", 404),
        Case(404, page, "Status404", 404, type: "text/html"),
        Case(404, "", "Status404", 404),
        Case(404, "The file for this url was not found\n", "Status404", 404, type: "text/plain"),
        Case(410, "The file for this url no longer exists\n", "Status410", 410, type: "text/plain"),
        Case(400, body("409", "KeyAlreadyExists", "Duplicate", "exists"), "KeyAlreadyExists", 409, .taken),
        Case(400, body("409", "ResourceAlreadyExists", "Duplicate", "exists"), "ResourceAlreadyExists", 409, .taken),
        Case(400, body("409", nil, "Duplicate", "exists"), "KeyAlreadyExists", 409, .taken),
        Case(409, "The resource already exists", "KeyAlreadyExists", 409, .taken, type: "text/plain"),
        Case(400, body("403", "AccessDenied", "Unauthorized", "jwt expired"), "AccessDenied", 403),
        Case(400, body("403", nil, "Unauthorized", "jwt expired"), "AccessDenied", 403),
        Case(401, "{\"message\":\"Invalid API key\"}", "AccessDenied", 401),
        Case(402, page, "QuotaExceeded", 402, type: "text/html"),
        Case(402, "{\"message\":\"over\",\"code\":\"exceed_quota\"}", "exceed_quota", 402),
        Case(400, body("413", "EntityTooLarge", "Payload too large", "too large"), "EntityTooLarge", 413),
        Case(413, page, "EntityTooLarge", 413, type: "text/html"),
        Case(413, "Maximum size exceeded\n", "EntityTooLarge", 413, type: "text/plain"),
        Case(400, body("415", nil, "invalid_mime_type", "mime type"), "InvalidMimeType", 415),
        Case(400, body("423", "ResourceLocked", "x", "locked"), "ResourceLocked", 423, .passing),
        Case(423, "locked", "Status423", 423, .passing, type: "text/plain"),
        Case(429, body("429", "SlowDown", "x", "Too many"), "SlowDown", 429, .passing),
        Case(429, page, "Status429", 429, .passing, type: "text/html"),
        Case(400, body("503", "LockTimeout", "x", "y"), "LockTimeout", 503, .mayBeDone, .passing),
        Case(400, body("503", nil, "x", "y"), "Status503", 503, .mayBeDone, .passing),
        Case(500, body("500", "InternalError", "Internal", "y"), "InternalError", 500, .mayBeDone, .passing),
        Case(502, page, "Status502", 502, .mayBeDone, .passing, type: "text/html"),
        Case(520, "error code: 520", "Status520", 520, .mayBeDone, .passing, type: "text/plain"),
        Case(544, body("544", "DatabaseTimeout", "x", "y"), "DatabaseTimeout", 544, .mayBeDone, .passing),
        Case(540, page, "Status540", 540, .mayBeDone, type: "text/html"),
        Case(501, "", "Status501", 501, .mayBeDone),
        // Whoever was cut off on the way does not know what became of what had been sent.
        Case(499, body("499", "Aborted", "x", "y"), "Aborted", 499, .mayBeDone, .passing),
        Case(408, page, "Status408", 408, .mayBeDone, .passing, type: "text/html"),
        Case(400, "{\"statusCode\":404,\"message\":\"Object not found\"}", "NoSuchKey", 404, .absent),
        Case(400, "{\"statusCode\":", "Status400", 400),
        Case(400, "[]", "Status400", 400),
        Case(302, "", "Status302", 302),
    ]

    @Test(
        "what the body says counts first, then the status; a page, prose or nothing is never an object's absence",
        arguments: cases)
    func table(_ reply: Case) {
        let head = FetchHead(status: reply.http, fields: [("Content-Type", reply.type)])
        let error = SupabaseError(head, body: Array(reply.body.utf8))
        #expect(error.code == reply.code)
        #expect(error.status == reply.status)
        #expect(error.meansAbsent == reply.isAbsent)
        #expect(error.meansTaken == reply.isTaken)
        #expect(error.mayBeDone == reply.mayBeDone)
        #expect(error.isPassing == reply.isPassing)
        #expect(!error.message.contains("<"))
    }

    private static let configuration = SupabaseConfiguration(
        bucket: "recordings", url: "https://ref.supabase.co", key: .secret("sb_secret_x"), spoolDirectory: "")

    @Test(
        "operators are told one sentence, with the way out",
        arguments: [
            (400, body("403", nil, "Unauthorized", "jwt expired"), "has expired"),
            (400, body("403", nil, "Unauthorized", "\\\"exp\\\" claim timestamp check failed"), "has expired"),
            (400, body("403", nil, "Unauthorized", "unexpected signature"), "service_role"),
            (400, body("403", nil, "Unauthorized", "expected a token"), "service_role"),
            (401, "{\"message\":\"Invalid API key\"}", "CUSTODE_SUPABASE_KEY"),
            (540, page, "paused"), (413, page, "file_size_limit"),
            (400, body("415", nil, "x", "y"), "allowed_mime_types"),
            (400, body("404", nil, "Bucket not found", "y"), "CUSTODE_BUCKET"),
            (404, body("404", "InvalidRequest", "x", "y"), "no Supabase Storage"), (302, "", "no Supabase Storage"),
            (544, body("544", "DatabaseTimeout", "x", "y"), "DatabaseTimeout (544)"),
        ])
    func sentences(_ http: Int, _ body: String, _ hint: String) {
        let error = SupabaseError(FetchHead(status: http), body: Array(body.utf8))
        guard case .unavailable(let text) = BlobStoreError(error, Self.configuration) else {
            Issue.record("\(error)")
            return
        }
        #expect(text.contains(hint), "\(text)")
        #expect(!text.contains("sb_secret_x") && !text.contains("\n"))
    }

    @Test("a quota that is used up is no room, as is a full disk", arguments: [402, 507])
    func noRoom(_ status: Int) {
        let error = SupabaseError(FetchHead(status: status), body: Array(Self.page.utf8))
        #expect(BlobStoreError(error, Self.configuration) == .noRoom)
    }

    @Test("how long a service asks to be left alone is told")
    func retryAfter() {
        let head = FetchHead(status: 429, fields: [("Retry-After", "7")])
        #expect(SupabaseError(head, body: []).retryAfter == 7)
    }

    @Test(
        "a request that cannot have been seen is told from one that may have been",
        arguments: [
            (FetchError.Code.cannotConnect, false, true), (.untrusted, false, false), (.malformed, false, false),
            (.unreadableBody, false, false), (.cancelled, true, false), (.timedOut, true, true), (.broken, true, true),
            (.tooLarge, true, false), (.stopped, true, false),
        ])
    func noReply(_ code: FetchError.Code, _ mayBeDone: Bool, _ isPassing: Bool) {
        let error = SupabaseError(FetchError(code, "x"))
        #expect(error.status == nil && error.mayBeDone == mayBeDone && error.isPassing == isPassing)
        #expect(!error.meansAbsent && !error.meansTaken)
    }

    @Test(
        "a project's URL is taken with its port and its path, and nothing else is one",
        arguments: [
            ("https://ref.supabase.co", "https://ref.supabase.co/storage/v1"),
            ("https://ref.supabase.co/", "https://ref.supabase.co/storage/v1"),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5000/storage/v1"),
            ("http://127.0.0.1:8000/storage/v1//", "http://127.0.0.1:8000/storage/v1"),
            ("ref.supabase.co", nil), ("ftp://ref.supabase.co", nil), ("https://", nil), ("https://a@b", nil),
            ("https://h?x", nil), ("https://h#x", nil),
        ] as [(String, String?)])
    func urls(_ url: String, _ base: String?) {
        let made = SupabaseConfiguration(bucket: "b", url: url, key: .secret(""), spoolDirectory: "")
        #expect(made.base == base)
    }

    @Test(
        "dates are read to the whole second, in UTC and in nothing else",
        arguments: [
            ("2026-11-25T03:00:00.123Z", 1_795_575_600), ("2026-11-25T03:00:00Z", 1_795_575_600),
            ("2026-11-25T03:00:00.123456+00:00", 1_795_575_600), ("2026-11-25T03:00:00+00", 1_795_575_600),
            ("2026-11-25T03:00:00", nil), ("2026-11-25T03:00:00+01:00", nil), ("", nil), ("x", nil),
            ("1795575600000000000Z", nil),
            ("99999999999", nil),
        ] as [(String, Int64?)])
    func dates(_ text: String, _ seconds: Int64?) { #expect(SupabaseJSON.moment(text)?.seconds == seconds) }
}
