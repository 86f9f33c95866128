internal import CustodeCore
internal import HTTPFetch

/// Why an S3 service did not do it.
struct S3Error: SendingFailure {
    /// The status; `nil` if there was no reply.
    let status: Int?
    /// The service's code, such as `NoSuchKey`; made from the status where it sends none.
    let code: String
    /// For operators.
    let message: String
    /// Whether it may have been done all the same.
    let mayBeDone: Bool
    /// Whether the same request may succeed a moment later.
    let isPassing: Bool
    /// How long the service asks to be left alone, in seconds.
    var retryAfter: Int?

    init(status: Int?, code: String, message: String, mayBeDone: Bool, isPassing: Bool) {
        self.status = status
        self.code = code
        self.message = message
        self.mayBeDone = mayBeDone
        self.isPassing = isPassing
    }

    /// A reply that is no success.
    ///
    /// Its body may be XML, something else (an edge's HTML), or nothing.
    init(_ head: FetchHead, body: [UInt8]) {
        let document = XMLTree.read(body)
        let code = document?.text("Code") ?? Self.code(of: head.status)
        var message = document?.text("Message") ?? ""
        if code == "AuthorizationHeaderMalformed" || code == "PermanentRedirect", let region = document?.text("Region")
        {
            message += " (the bucket's region is \(region))"
        }
        self.init(
            status: head.status, code: code, message: message, mayBeDone: head.status >= 500,
            isPassing: Self.passing.contains(code) || head.status >= 500 && head.status != 501
                || head.status == 429)
        retryAfter = head["retry-after"].flatMap { Int($0) }
    }

    private static let passing: Set<String> = [
        "RequestTimeout", "SlowDown", "InternalError", "ServiceUnavailable", "OperationAborted",
        "ConditionalRequestConflict",
    ]

    private static func code(of status: Int) -> String {
        switch status {
        case 301, 307: "PermanentRedirect"
        case 403: "AccessDenied"
        // A HEAD has no body to say which.
        case 404: "NotFound"
        case 412: "PreconditionFailed"
        case 416: "InvalidRange"
        case 503: "ServiceUnavailable"
        default: "Status\(status)"
        }
    }

    /// Whether the object is not there; a bucket that is not there is something else.
    var meansAbsent: Bool { code == "NoSuchKey" || code == "NotFound" }
    var isPreconditionFailed: Bool { code == "PreconditionFailed" }
}

extension BlobStoreError {
    /// What an error of S3 means to the core: one sentence that names the cause and the way out.
    init(_ error: S3Error, _ bucket: S3Configuration) {
        switch error.code {
        case "NoSuchKey", "NotFound": self = .absent
        case S3Error.cancelled: self = .cancelled
        case "QuotaExceeded", "InsufficientStorage", "InsufficientCapacity", "Status507": self = .noRoom
        case "NoSuchBucket":
            self = .unavailable(
                "there is no bucket \(bucket.bucket) at \(bucket.endpoint); make it, or correct CUSTODE_BUCKET")
        case "InvalidAccessKeyId":
            self = .unavailable("the bucket's service does not know the access key; correct CUSTODE_S3_ACCESS_KEY")
        case "SignatureDoesNotMatch":
            self = .unavailable(
                "the bucket's service finds the signature wrong; correct CUSTODE_S3_SECRET_KEY, or the endpoint if a "
                    + "proxy changes requests on their way")
        case "RequestTimeTooSkewed", "RequestExpired":
            self = .unavailable("this machine's clock and the bucket's differ too much; set both by NTP")
        case "AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException":
            self = .unavailable(
                "the bucket is not in the region \(bucket.region) or not at \(bucket.endpoint); correct region and "
                    + "endpoint in CUSTODE_BUCKET\(error.message.isEmpty ? "" : ": \(error.message)")")
        case "AccessDenied", "AllAccessDisabled":
            self = .unavailable("the key may not do this to the bucket; allow it in the bucket's policy")
        case S3Error.untrusted:
            self = .unavailable(
                "the certificate of the bucket's service at \(bucket.endpoint) is not trusted: \(error.message); name a "
                    + "file with its issuer's certificate in SSL_CERT_FILE, or correct the endpoint in CUSTODE_BUCKET")
        case S3Error.noReply: self = .unavailable("the bucket's service does not answer: \(error.message)")
        default:
            let status = error.status.map { " (\($0))" } ?? ""
            let text = error.message.isEmpty ? "" : ": \(error.message)"
            self = .unavailable("the bucket's service answers \(error.code)\(status)\(text)")
        }
    }
}
