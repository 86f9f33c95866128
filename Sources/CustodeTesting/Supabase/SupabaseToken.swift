import Cryptography
import Foundation

/// The JSON web tokens of the server, keys and signed URLs alike: HS256 under one secret.
struct SupabaseToken: Sendable {
    /// Why a token does not count, in the words of the server's library.
    enum Fault: String, Error {
        case garbled = "Invalid Compact JWS"
        case forged = "signature verification failed"
        case expired = "\"exp\" claim timestamp check failed"
    }

    private let key: HMACSHA256
    private static let head = SupabaseText.base64URL(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8))

    init(secret: String) {
        key = HMACSHA256(key: Array(secret.utf8))
    }

    /// A token of these claims and the two dates.
    func sign(_ claims: [String: JSON], issued: Date, validFor life: Duration) -> String {
        let seconds = issued.timeIntervalSince1970.rounded(.down)
        let dated = claims.merging([
            "iat": .number(seconds), "exp": .number((seconds + life.interval).rounded(.down)),
        ]) { $1 }
        let body = Self.head + "." + SupabaseText.base64URL(Array(JSON.object(dated).description.utf8))
        return body + "." + SupabaseText.base64URL(key.authenticate(Array(body.utf8)))
    }

    /// The claims of a token whose signature holds and that is not over at this time.
    func claims(of token: String, at now: Date) throws(Fault) -> JSON {
        let claims = try claims(ofSigned: token)
        if case .number(let end) = claims["exp"], now.timeIntervalSince1970 >= end { throw .expired }
        return claims
    }

    /// The claims of a token whose signature holds, whatever the time.
    func claims(ofSigned token: String) throws(Fault) -> JSON {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let tag = SupabaseText.bytes(ofBase64: parts[2]),
            let body = SupabaseText.bytes(ofBase64: parts[1]), let claims = try? JSON(body)
        else { throw .garbled }
        guard key.authenticate(Array("\(parts[0]).\(parts[1])".utf8)) == tag else { throw .forged }
        return claims
    }
}
