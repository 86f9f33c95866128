public import CustodeCore

/// Recognises every credential that is taken here: service keys, and where an issuer is configured users' tokens.
public struct BearerTokens: Authenticator {
    private let serviceKeys: ServiceKeys
    private let userTokens: UserTokens?

    /// - Parameter userTokens: `nil` where users have none.
    public init(serviceKeys: ServiceKeys, userTokens: UserTokens?) {
        self.serviceKeys = serviceKeys
        self.userTokens = userTokens
    }

    /// Recognises a credential by its kind, which its beginning tells.
    ///
    /// - Throws: ``CredentialFault``.
    public func recognise(_ token: String) async throws(CredentialFault) -> Credential? {
        if token.hasPrefix(ServiceKeys.prefix) { return serviceKeys.recognise(token)?.credential }
        return try await userTokens?.recognise(token)
    }
}
