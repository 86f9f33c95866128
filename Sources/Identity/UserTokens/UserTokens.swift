public import CustodeCore

/// Recognises users by the access tokens of one issuer, such as an Auth0 tenant (RFC 7519, RFC 9068).
///
/// RS256 alone, by the keys of the one configured key set: nothing in a token says where a key is to be had, or how it is
/// to be verified.
public final class UserTokens: Authenticator {
    private let configuration: UserTokenConfiguration
    private let keys: KeySetSource
    private let clock: any WallClock

    /// - Parameter keys: Running.
    public init(_ configuration: UserTokenConfiguration, keys: KeySetSource, clock: any WallClock) {
        self.configuration = configuration
        self.keys = keys
        self.clock = clock
    }

    /// Recognises a token; never `nil`.
    ///
    /// - Throws: ``CredentialFault``.
    public func recognise(_ token: String) async throws(CredentialFault) -> Credential? {
        let parts = try TokenParts(token)
        let claims = try await verified(token, by: parts.keyID)
        // Only now: what is signed and ambiguous is a fault of the issuer's, but no less ambiguous.
        guard JSONMembers.areUnique(in: parts.payload) else { throw .malformed("doubled claims") }
        return .user(try claims.user(configuration, now: clock.now()))
    }

    private func verified(_ token: String, by keyID: String) async throws(CredentialFault) -> TokenClaims {
        guard let key = try await keys.key(keyID) else { throw .malformed("unknown kid") }
        if let claims = await key.verify(token) { return claims }
        // The issuer may have another key of that name by now.
        guard let other = try await keys.key(keyID, refuted: key), let claims = await other.verify(token) else {
            throw .malformed("signature")
        }
        return claims
    }
}
