/// Recognises the credentials of callers.
public protocol Authenticator: Sendable {
    /// Recognises a bearer token; `nil` if it is none that is known.
    ///
    /// - Throws: ``CredentialFault``.
    func recognise(_ token: String) async throws(CredentialFault) -> Credential?
}

/// A credential that was recognised.
public enum Credential: Sendable, Equatable {
    /// A service's key, which acts for a user it must name, within its grants.
    case service(id: String, grants: Set<Grant>)
    /// A user's own token.
    case user(UserID)
}

/// Why a credential is no good.
public enum CredentialFault: Error, Sendable, Equatable {
    /// It is not to be accepted.
    ///
    /// - Parameters:
    ///   - reason: What is wrong with it, a word or two for the log.
    ///   - advice: A sentence for the client; nothing that only the owner of the credential should know.
    case rejected(reason: String, advice: String)
    /// It cannot be told now, because what must be asked is away; the text says why, for the log.
    case undecided(String)
}
