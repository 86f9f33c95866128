import CustodeCore
import HTTPFetch
import Testing

@testable import BlobStores

@Suite("what replies of Supabase Storage mean")
struct SupabaseErrorTests {
    struct Reply: Sendable, CustomTestStringConvertible {
        let status: Int
        var type = "application/json"
        let body: String
        let code: String
        var mayBeDone = false
        var isPassing = false
        /// What the operator is told, or what the core is.
        let told: String

        var testDescription: String { "\(status) \(body.prefix(90))" }

        static let all: [Reply] = [
            Reply(
                status: 400,
                body: #"{"statusCode":"404","code":"NoSuchKey","error":"not_found","message":"Object not found"}"#,
                code: "NoSuchKey", told: "there is nothing under the key"),
            // Versions that tell no code.
            Reply(
                status: 400, body: #"{"statusCode":"404","error":"not_found","message":"Object not found"}"#,
                code: "NoSuchKey", told: "there is nothing under the key"),
            Reply(
                status: 400, body: #"{"statusCode":"404","error":"Bucket not found","message":"Bucket not found"}"#,
                code: "NoSuchBucket", told: "there is no bucket recordings at https://ref.supabase.co"),
            Reply(
                status: 400, body: #"{"statusCode":"409","error":"Duplicate","message":"The resource already exists"}"#,
                code: "KeyAlreadyExists", told: "Supabase Storage answers KeyAlreadyExists (409)"),
            Reply(
                status: 404,
                body: #"{"statusCode":"404","code":"InvalidRequest","error":"Not Found","message":"Route not found"}"#,
                code: "InvalidRequest", told: "is no Supabase Storage"),
            Reply(
                status: 404, body: #"{"message":"no Route matched"}"#, code: "Status404", told: "is no Supabase Storage"
            ),
            Reply(
                status: 400,
                body: #"{"statusCode":"403","code":"AccessDenied","error":"Unauthorized","message":"jwt expired"}"#,
                code: "AccessDenied", told: "has expired"),
            Reply(
                status: 400, body: #"{"statusCode":"403","error":"Unauthorized","message":"invalid signature"}"#,
                code: "AccessDenied", told: "CUSTODE_SUPABASE_KEY must be the service_role key"),
            Reply(
                status: 401, body: #"{"message":"Invalid API key"}"#, code: "AccessDenied",
                told: "CUSTODE_SUPABASE_KEY must be the service_role key"),
            Reply(
                status: 400, body: #"{"statusCode":"503","code":"LockTimeout","error":"x","message":"lock"}"#,
                code: "LockTimeout", mayBeDone: true, isPassing: true, told: "answers LockTimeout (503): lock"),
            Reply(
                status: 400, body: #"{"statusCode":"423","code":"ResourceLocked","error":"x","message":"m"}"#,
                code: "ResourceLocked", isPassing: true, told: "answers ResourceLocked"),
            Reply(
                status: 429, body: #"{"statusCode":"429","code":"SlowDown","error":"x","message":"m"}"#,
                code: "SlowDown", isPassing: true, told: "answers SlowDown"),
            Reply(
                status: 544, body: #"{"statusCode":"544","code":"DatabaseTimeout","error":"x","message":"m"}"#,
                code: "DatabaseTimeout", mayBeDone: true, isPassing: true, told: "answers DatabaseTimeout"),
            Reply(
                status: 402, type: "text/html", body: "<html>exceed_storage_size_quota</html>", code: "QuotaExceeded",
                told: "the store is full, or over its quota"),
            Reply(
                status: 402, body: #"{"message":"over quota"}"#, code: "QuotaExceeded",
                told: "the store is full, or over its quota"),
            Reply(
                status: 413, type: "text/html", body: "<html>413 Request Entity Too Large", code: "EntityTooLarge",
                told: "raise file_size_limit"),
            Reply(
                status: 400, body: #"{"statusCode":"415","code":"InvalidMimeType","error":"x","message":"m"}"#,
                code: "InvalidMimeType", told: "allowed_mime_types"),
            Reply(
                status: 540, type: "text/html", body: "<html>Project paused", code: "Status540", mayBeDone: true,
                told: "is paused; restore it in the dashboard"),
            Reply(
                status: 502, type: "text/html", body: "<html>Bad gateway", code: "Status502", mayBeDone: true,
                isPassing: true, told: "answers Status502 (502)"),
            Reply(
                status: 409, type: "text/plain", body: "Upload-Offset conflict\n", code: "KeyAlreadyExists",
                told: ": Upload-Offset conflict"),
            Reply(
                status: 410, type: "text/plain", body: "The file for this url no longer exists\n", code: "Status410",
                told: "no longer exists"),
            Reply(
                status: 301, type: "text/html", body: "<html>moved", code: "Status301", told: "is no Supabase Storage"),
            Reply(
                status: 400, body: #"{"statusCode":404,"code":"NoSuchKey","error":"not_found","message":"m"}"#,
                code: "NoSuchKey", told: "there is nothing under the key"),
            Reply(status: 400, body: "", code: "Status400", told: "answers Status400 (400)"),
            Reply(status: 400, body: #"{"statusCode":"4"#, code: "Status400", told: "answers Status400 (400)"),
        ]
    }

    @Test(
        "what the body says counts first, then the status; pages and half documents are no riddle", arguments: Reply.all
    )
    func meaning(_ reply: Reply) {
        let error = SupabaseError(
            FetchHead(status: reply.status, fields: [("Content-Type", reply.type)]), body: Array(reply.body.utf8))
        #expect(error.code == reply.code)
        #expect(error.mayBeDone == reply.mayBeDone && error.isPassing == reply.isPassing, "\(error)")
        let bucket = SupabaseConfiguration(
            bucket: "recordings", url: "https://ref.supabase.co", key: .secret("x"), spoolDirectory: "/")
        let told = BlobStoreError(error, bucket).description
        #expect(told.contains(reply.told) && !told.contains("<") && !told.contains("\n"), "\(told)")
        #expect(error.meansAbsent == (reply.code == "NoSuchKey"))
    }

    @Test(
        "where the service is, is told by the project's URL or by its own",
        arguments: [
            ("https://ref.supabase.co", "https://ref.supabase.co/storage/v1"),
            ("https://ref.supabase.co/", "https://ref.supabase.co/storage/v1"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/storage/v1"),
            ("https://host/some/where/", "https://host/some/where"), ("ftp://host", nil), ("https://", nil),
            ("https://user@host", nil), ("https://host?x=y", nil), ("host", nil),
        ] as [(String, String?)])
    func base(_ url: String, _ base: String?) {
        let bucket = SupabaseConfiguration(bucket: "b", url: url, key: .secret("x"), spoolDirectory: "/")
        #expect(bucket.base == base)
    }

    @Test("keys are told apart by how they begin, and dates are read to the second")
    func forms() {
        #expect(SupabaseConfiguration.Key("sb_secret_x") == .secret("sb_secret_x"))
        #expect(SupabaseConfiguration.Key("ey.ey.x") == .token("ey.ey.x"))
        for text in ["2026-11-25T03:00:00Z", "2026-11-25T03:00:00.123456+00:00", "2026-11-25T03:00:00.1+00"] {
            #expect(SupabaseJSON.moment(text)?.seconds == 1_795_575_600, "\(text)")
        }
        for text in ["", "2026-11-25", "2026-11-25T03:00:00", "2026-11-25T03:00:00+02:00", "2026-11-25T03:00:00Zx"] {
            #expect(SupabaseJSON.moment(text) == nil, "\(text)")
        }
    }
}
