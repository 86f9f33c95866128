/// Whose access tokens are taken for users'.
public struct UserTokenConfiguration: Sendable {
    /// What `iss` must be, to the letter.
    public var issuer: String
    /// What `aud` must hold.
    public var audience: String
    /// The claim that names the user.
    public var userClaim: String
    /// How far the issuer's clock may be off ours.
    public var leeway = Duration.seconds(30)

    /// The tokens of one issuer for one audience.
    public init(issuer: String, audience: String, userClaim: String = "sub") {
        self.issuer = issuer
        self.audience = audience
        self.userClaim = userClaim
    }
}
