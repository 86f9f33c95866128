import Foundation
import Identity

/// Where the keys to users' tokens are.
extension SettingReader {
    mutating func userTokens() -> (configuration: UserTokenConfiguration, keySetURL: String)? {
        let issuer = optional(.auth0Issuer)
        let audience = optional(.auth0Audience)
        let keySet = optional(.auth0JWKSURL)
        let claim = optional(.userClaim)
        guard let issuer else {
            for (name, value) in [
                (SettingName.auth0Audience, audience), (.auth0JWKSURL, keySet), (.userClaim, claim),
            ] where value != nil {
                fault("\(name.rawValue): only CUSTODE_AUTH0_ISSUER makes use of it, which is not set")
            }
            return nil
        }
        guard let audience else {
            fault(
                "CUSTODE_AUTH0_AUDIENCE: required with CUSTODE_AUTH0_ISSUER; the identifier of this API at the issuer's"
            )
            return nil
        }
        let parts = URL(string: issuer)
        if parts?.host()?.hasSuffix(".auth0.com") == true, !issuer.hasSuffix("/") {
            fault(
                "CUSTODE_AUTH0_ISSUER: \(issuer) must end in a slash: Auth0's tokens say so, and it is compared to the letter"
            )
            return nil
        }
        if keySet == nil, parts?.host() == nil || parts?.query() != nil || parts?.fragment() != nil {
            fault("CUSTODE_AUTH0_ISSUER: \(issuer) is not a URL, such as https://tenant.eu.auth0.com/")
            return nil
        }
        // Auth0's issuer ends in a slash, and is compared as it is.
        let url = keySet ?? issuer + (issuer.hasSuffix("/") ? "" : "/") + ".well-known/jwks.json"
        guard let fault = Self.fault(ofKeySetURL: url) else {
            return (
                UserTokenConfiguration(issuer: issuer, audience: audience, userClaim: claim ?? "sub"), url
            )
        }
        self.fault("\((keySet == nil ? SettingName.auth0Issuer : .auth0JWKSURL).rawValue): \(fault)")
        return nil
    }

    /// Whoever can change a reply on its way could log in as anybody: so https, but for one's own machine.
    private static func fault(ofKeySetURL text: String) -> String? {
        guard let url = URL(string: text), let host = url.host(), !host.isEmpty, url.user() == nil,
            url.fragment() == nil
        else { return "\(text) is not a URL, such as https://tenant.eu.auth0.com/.well-known/jwks.json" }
        switch url.scheme {
        case "https": return nil
        case "http" where isLoopback(host): return nil
        default: return "\(text) must be https, except on this machine itself"
        }
    }

    private static func isLoopback(_ host: String) -> Bool {
        let host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        if host == "localhost" || host == "::1" { return true }
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return numbers.count == 4 && numbers[0] == 127 && numbers.allSatisfy { $0 != nil }
    }
}
