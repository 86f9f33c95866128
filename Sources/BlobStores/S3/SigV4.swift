internal import Cryptography
internal import CustodeCore
internal import Synchronization

/// AWS Signature Version 4, in header fields and in the query (presigned).
///
/// Source: "AWS Signature Version 4 for API requests" in the IAM user guide, and "Authenticating Requests" in the S3
/// API reference. Every header field that is handed in is signed.
final class SigV4: Sendable {
    /// The SHA-256 of nothing.
    static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    private static let algorithm = "AWS4-HMAC-SHA256"

    /// What is signed.
    struct Request {
        var method: String
        /// Encoded, as it is sent.
        var path: String
        /// Not encoded.
        var query: [(name: String, value: String)] = []
        /// Names in lower case; `host` among them.
        var headers: [(name: String, value: String)]
        /// The SHA-256 of the body, in hex.
        var payloadHash = SigV4.emptyHash
    }

    private struct DayKey {
        var day = ""
        var key: HMACSHA256?
    }

    private let accessKey: String
    private let secretKey: String
    private let region: String
    private let service: String
    /// Derived once a day.
    private let dayKey = Mutex(DayKey())

    init(accessKey: String, secretKey: String, region: String, service: String = "s3") {
        self.accessKey = accessKey
        self.secretKey = secretKey
        self.region = region
        self.service = service
    }

    /// The value of the `Authorization` field; `x-amz-date` must be among the fields, and say the same time.
    func authorization(_ request: Request, at moment: Timestamp) -> String {
        let time = Self.time(moment)
        let signature = sign(Self.canonical(request), time)
        return "\(Self.algorithm) Credential=\(accessKey)/\(scope(time)),SignedHeaders=\(Self.names(request)),"
            + "Signature=\(signature)"
    }

    /// The query of a presigned request, encoded: what was in it, and what makes it good for so many seconds.
    func presignedQuery(_ request: Request, at moment: Timestamp, seconds: Int) -> String {
        let time = Self.time(moment)
        var request = request
        request.payloadHash = "UNSIGNED-PAYLOAD"
        request.query += [
            ("X-Amz-Algorithm", Self.algorithm), ("X-Amz-Credential", "\(accessKey)/\(scope(time))"),
            ("X-Amz-Date", time), ("X-Amz-Expires", String(seconds)), ("X-Amz-SignedHeaders", Self.names(request)),
        ]
        let signature = sign(Self.canonical(request), time)
        return Self.encoded(request.query) + "&X-Amz-Signature=\(signature)"
    }

    /// A moment as signatures spell it: `20130524T000000Z`.
    static func time(_ moment: Timestamp) -> String {
        String(decoding: moment.rfc3339.utf8.prefix(19).filter { $0 != 0x2D && $0 != 0x3A }, as: UTF8.self) + "Z"
    }

    /// Names and values, encoded and in the order of the names, as both the wire and the signature have them.
    static func encoded(_ query: [(name: String, value: String)]) -> String {
        query.map { (name: encode($0.name), value: encode($0.value)) }
            .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
            .map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    }

    /// Percent-encodes all but unreserved characters (RFC 3986 §2.3).
    static func encode(_ text: String, keepingSlashes: Bool = false) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case 0x41...0x5A, 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
            case 0x2F where keepingSlashes: bytes.append(byte)
            default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func sign(_ canonical: String, _ time: String) -> String {
        let hash = Hex.encode(SHA256.hash(Array(canonical.utf8)))
        let text = "\(Self.algorithm)\n\(time)\n\(scope(time))\n\(hash)"
        return Hex.encode(key(of: String(time.prefix(8))).authenticate(Array(text.utf8)))
    }

    private func scope(_ time: String) -> String { "\(time.prefix(8))/\(region)/\(service)/aws4_request" }

    private func key(of day: String) -> HMACSHA256 {
        dayKey.withLock { known in
            if known.day == day, let key = known.key { return key }
            var key = Array("AWS4\(secretKey)".utf8)
            for part in [day, region, service, "aws4_request"] {
                key = HMACSHA256(key: key).authenticate(Array(part.utf8))
            }
            let fresh = HMACSHA256(key: key)
            known = DayKey(day: day, key: fresh)
            return fresh
        }
    }

    private static func canonical(_ request: Request) -> String {
        let headers = request.headers.sorted { $0.name < $1.name }
            .map { "\($0.name):\(trimmed($0.value))\n" }.joined()
        return "\(request.method)\n\(request.path)\n\(encoded(request.query))\n\(headers)\n\(names(request))\n"
            + request.payloadHash
    }

    private static func names(_ request: Request) -> String {
        request.headers.map(\.name).sorted().joined(separator: ";")
    }

    private static func trimmed(_ value: String) -> String {
        value.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }
}
