internal import CustodeCore
internal import JWTKit

/// What a token whose signature is the issuer's says, and whether it is said to us, now, of a user.
struct TokenClaims: JWTPayload {
    private let members: [String: JSONValue]

    init(from decoder: any Decoder) throws {
        members = try decoder.singleValueContainer().decode([String: JSONValue].self)
    }

    func encode(to encoder: any Encoder) throws {
        throw EncodingError.invalidValue(self, .init(codingPath: [], debugDescription: "tokens are not made here"))
    }

    /// Nothing: what it says is judged by ``user(_:now:)``.
    func verify(using algorithm: some JWTAlgorithm) {}

    /// The user it is a token of.
    ///
    /// - Throws: ``CredentialFault/rejected(reason:advice:)``.
    func user(_ configuration: UserTokenConfiguration, now: Timestamp) throws(CredentialFault) -> UserID {
        guard members["iss"]?.string == configuration.issuer else {
            throw .rejected(reason: "token: iss", advice: "The token is of another issuer.")
        }
        guard members["aud"]?.names(configuration.audience) == true else {
            throw .rejected(
                reason: "token: aud", advice: "The token is not for this API; ask for one with its audience.")
        }
        try checkTimes(Double(now.microseconds) / 1_000_000, Self.seconds(configuration.leeway))
        try checkKind()
        guard let subject = members["sub"]?.string, !subject.isEmpty else {
            throw .rejected(reason: "token: sub", advice: "The token names nobody.")
        }
        // A machine's token is nobody's, whatever else it claims.
        guard !subject.hasSuffix("@clients"), members["gty"]?.names("client-credentials") != true else {
            throw .rejected(
                reason: "token: of a machine",
                advice: "A token of an application is no user's; services have keys of their own.")
        }
        guard let user = members[configuration.userClaim]?.identifier.flatMap(UserID.init) else {
            throw .rejected(
                reason: "token: \(configuration.userClaim)",
                advice: "The token lacks the claim \(configuration.userClaim), which names the user here.")
        }
        return user
    }

    private func checkTimes(_ now: Double, _ leeway: Double) throws(CredentialFault) {
        guard let expiry = members["exp"]?.count, now < expiry + leeway else {
            throw .rejected(reason: "token: exp", advice: "The token's time is over; get a new one.")
        }
        for name in ["nbf", "iat"] {
            guard let claim = members[name] else { continue }
            guard let moment = claim.count, moment <= now + leeway else {
                throw .rejected(reason: "token: \(name)", advice: "The token is not good yet; compare the clocks.")
            }
        }
    }

    /// ID tokens tell a client who logged in and open nothing (RFC 8725 §3.12), were they ever so much for our audience.
    private func checkKind() throws(CredentialFault) {
        // One that is bound to a key (RFC 7800) is no bearer token.
        guard members["cnf"] == nil else {
            throw .rejected(
                reason: "token: cnf", advice: "A token that is bound to a key cannot be used as a bearer's.")
        }
        for name in ["nonce", "at_hash", "c_hash"] where members[name] != nil {
            throw .rejected(
                reason: "token: an ID token", advice: "An ID token opens nothing here; send the access token.")
        }
    }

    private static func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }
}

extension JSONValue {
    /// A moment or the like, whole or not.
    fileprivate var count: Double? {
        switch self {
        case .integer(let integer): Double(integer)
        case .number(let number): number
        default: nil
        }
    }

    /// Text, or a whole number as text: ids of users are of either type.
    fileprivate var identifier: String? {
        if case .integer(let integer) = self { String(integer) } else { string }
    }

    /// Whether it is a name, or a list of names in which it stands (RFC 7519 §4.1.3).
    fileprivate func names(_ name: String) -> Bool {
        self == .string(name) || (array.contains(.string(name)) && array.allSatisfy { $0.string != nil })
    }
}
