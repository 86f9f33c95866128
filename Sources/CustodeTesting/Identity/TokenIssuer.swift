import Foundation

/// Makes access tokens as an Auth0 tenant does, and such as it never would.
public struct TokenIssuer: Sendable {
    /// What `iss` says.
    public let issuer: String
    /// What `aud` says.
    public let audience: String
    /// The id of its key.
    public let keyID: String
    /// The key it signs with.
    public let key: SigningKeyFile

    /// An issuer with a key.
    public init(
        issuer: String = "https://tenant.example/", audience: String = "https://api.example", keyID: String,
        key: SigningKeyFile
    ) {
        self.issuer = issuer
        self.audience = audience
        self.keyID = keyID
        self.key = key
    }

    /// The claims of a sound token of a user's, good for five minutes; `.null` in the others takes one away.
    public func claims(_ user: String, _ others: [String: JSON] = [:]) -> JSON {
        let now = Date().timeIntervalSince1970.rounded(.down)
        let usual: [String: JSON] = [
            "iss": .string(issuer), "aud": .array([.string(audience), "https://tenant.example/userinfo"]),
            "sub": .string(user), "iat": .number(now), "exp": .number(now + 300), "azp": "client",
            "scope": "openid profile",
        ]
        return .object(usual.merging(others) { $1 }.filter { $0.value != .null })
    }

    /// The header of a sound token; `.null` in the others takes a member away.
    public func header(_ others: [String: JSON] = [:]) -> JSON {
        let usual: [String: JSON] = ["alg": "RS256", "typ": "JWT", "kid": .string(keyID)]
        return .object(usual.merging(others) { $1 }.filter { $0.value != .null })
    }

    /// A sound token of a user's, but for what the others say.
    public func token(
        _ user: String, _ claims: [String: JSON] = [:], header others: [String: JSON] = [:]
    ) async throws -> String {
        try await sign(header(others).description, self.claims(user, claims).description)
    }

    /// A header and claims, as they are spelled, signed.
    public func sign(
        _ header: String, _ claims: String, _ padding: SigningKeyFile.Padding = .pkcs1
    ) async throws -> String {
        let message = Base64URLText.encode(Array(header.utf8)) + "." + Base64URLText.encode(Array(claims.utf8))
        return message + "." + Base64URLText.encode(try await key.sign(Array(message.utf8), padding))
    }
}
