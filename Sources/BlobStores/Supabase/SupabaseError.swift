internal import CustodeCore
internal import Foundation
internal import HTTPFetch

/// Why a Supabase Storage service did not do it.
///
/// The service answers most refusals with 400 and the true status in the body; an edge before it answers with pages, and tus
/// with plain text. What the body says counts first.
struct SupabaseError: SendingFailure {
    /// The true status; `nil` if there was no reply.
    let status: Int?
    /// The service's code, such as `NoSuchKey`; made from what older versions tell, or from the status.
    let code: String
    /// For operators.
    let message: String
    let mayBeDone: Bool
    let isPassing: Bool
    var retryAfter: Int?

    init(status: Int?, code: String, message: String, mayBeDone: Bool, isPassing: Bool) {
        self.status = status
        self.code = code
        self.message = message
        self.mayBeDone = mayBeDone
        self.isPassing = isPassing
    }

    /// A reply that is no success.
    init(_ head: FetchHead, body: [UInt8]) {
        let envelope = try? JSONDecoder().decode(Envelope.self, from: Data(body))
        let status = envelope?.statusCode?.number ?? head.status
        let message = envelope?.message ?? Self.plainText(head, body) ?? ""
        let code = envelope?.code ?? Self.code(status, envelope)
        // A gateway's own refusal says nothing of the storage behind it.
        let isPassing =
            [408, 423, 425, 429, 499].contains(status) || head.status == 429
            || (500...599).contains(status) && ![501, Self.paused].contains(status)
        self.init(
            status: status, code: code, message: message,
            // One that was cut off on its way may have come to its end all the same.
            mayBeDone: head.status >= 500 || status >= 500 || [408, 499].contains(status), isPassing: isPassing)
        retryAfter = head["retry-after"].flatMap { Int($0) }
    }

    /// What the platform answers for a project that is paused.
    private static let paused = 540

    private struct Envelope: Decodable {
        let statusCode: Status?
        let code: String?
        let error: String?
        let message: String?

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Keys.self)
            statusCode = try? container.decode(Status.self, forKey: .statusCode)
            code = try? container.decode(String.self, forKey: .code)
            error = try? container.decode(String.self, forKey: .error)
            message = (try? container.decode(String.self, forKey: .message)) ?? error
        }

        enum Keys: String, CodingKey { case statusCode, code, error, message }

        /// Written as a text by the service, as a number by some gateways.
        struct Status: Decodable {
            let number: Int?

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                number = (try? container.decode(Int.self)) ?? (try? container.decode(String.self)).flatMap { Int($0) }
            }
        }
    }

    /// What a code would be, had this version told one.
    private static func code(_ status: Int, _ envelope: Envelope?) -> String {
        switch (status, envelope?.error?.lowercased(), envelope?.message?.lowercased()) {
        case (404, "bucket not found"?, _), (404, _, "bucket not found"?): "NoSuchBucket"
        case (404, "not_found"?, _), (404, "not found"?, "object not found"?), (404, _, "object not found"?):
            "NoSuchKey"
        case (400, "invalidkey"?, _): "InvalidKey"
        case (409, _, _): "KeyAlreadyExists"
        case (401, _, _), (403, _, _): "AccessDenied"
        case (402, _, _): "QuotaExceeded"
        case (413, _, _): "EntityTooLarge"
        case (415, _, _): "InvalidMimeType"
        default: "Status\(status)"
        }
    }

    private static func plainText(_ head: FetchHead, _ body: [UInt8]) -> String? {
        let text = String(decoding: body.prefix(200), as: UTF8.self)
        // Pages are for browsers; what they say is no sentence for a log.
        guard head["content-type"]?.contains("html") != true, !text.hasPrefix("<"), !text.hasPrefix("{") else {
            return nil
        }
        return text.split(whereSeparator: \.isNewline).first.map(String.init)
    }

    /// Whether the object is not there; a bucket, or a route, that is not there is something else.
    var meansAbsent: Bool { code == "NoSuchKey" }
    /// Whether the service has no such names, so that nothing can be there.
    var isInvalidKey: Bool { code == "InvalidKey" }
    /// Whether something is there already.
    var meansTaken: Bool { code == "KeyAlreadyExists" || code == "ResourceAlreadyExists" }
}

extension BlobStoreError {
    /// What an error of the service means to the core: one sentence that names the cause and the way out.
    init(_ error: SupabaseError, _ bucket: SupabaseConfiguration) {
        switch (error.code, error.status) {
        case ("NoSuchKey", _): self = .absent
        case (SupabaseError.cancelled, _): self = .cancelled
        case ("QuotaExceeded", _), (_, 402), (_, 507): self = .noRoom
        case (_, 540):
            self = .unavailable("the Supabase project at \(bucket.url) is paused; restore it in the dashboard")
        case ("NoSuchBucket", _):
            self = .unavailable(
                "there is no bucket \(bucket.bucket) at \(bucket.url); run custode serve, which makes it, or correct "
                    + "CUSTODE_BUCKET")
        case ("EntityTooLarge", _), (_, 413):
            self = .unavailable(
                "an object is larger than the bucket or the project takes; raise file_size_limit of the bucket and the "
                    + "project's limit, or lower the policy's")
        case ("InvalidMimeType", _):
            self = .unavailable(
                "the bucket's allowed_mime_types refuse a type that the policy takes; take the list off the bucket")
        case (_, 401), (_, 403):
            let isOld = error.message.contains("expired") || error.message.contains("\"exp\"")
            self = .unavailable(
                isOld
                    ? "the service key has expired; set a new one in CUSTODE_SUPABASE_KEY"
                    : "the key may not do this to the bucket; CUSTODE_SUPABASE_KEY must be the service_role key, or an "
                        + "sb_secret_ key, of this project\(Self.quoted(error.message))")
        case (SupabaseError.untrusted, _):
            self = .unavailable(
                "the certificate of the project at \(bucket.url) is not trusted: \(error.message); name a file with its "
                    + "issuer's certificate in SSL_CERT_FILE, or correct the URL in CUSTODE_BUCKET")
        case (SupabaseError.noReply, _): self = .unavailable("the Supabase project does not answer: \(error.message)")
        case ("InvalidRequest", 404), ("Status404", _), (_, .some(300...399)):
            self = .unavailable(
                "what answers at \(bucket.url) is no Supabase Storage; correct the URL in CUSTODE_BUCKET"
                    + Self.quoted(error.message))
        default:
            let status = error.status.map { " (\($0))" } ?? ""
            self = .unavailable("Supabase Storage answers \(error.code)\(status)\(Self.quoted(error.message))")
        }
    }

    private static func quoted(_ message: String) -> String { message.isEmpty ? "" : ": \(message)" }
}
