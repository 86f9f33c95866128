/// Recognises the credentials of callers.
public protocol Authenticator: Sendable {
    /// Recognises a bearer token; `nil` if it is none that is known, or no longer good.
    ///
    /// - Throws: When it cannot be told now, because what must be asked is away.
    func recognise(_ token: String) async throws -> Credential?
}

/// A credential that was recognised.
public enum Credential: Sendable, Equatable {
    /// A service's key, which acts for a user it must name, within its grants.
    case service(id: String, grants: Set<Grant>)
    /// A user's own token.
    case user(UserID)
}
