import Foundation

/// The keys of the project, and what the gateway and the server make of those that a request carries.
struct SupabaseGateway: Sendable {
    /// What a request's credentials amount to.
    enum Identity: Sendable {
        case role(SupabaseRole)
        case invalid(String)
        case missing
    }

    let token: SupabaseToken
    let serviceKey: String
    let anonKey: String
    let expiredKey: String
    let secretKey: String

    init() {
        let token = SupabaseToken(secret: SupabaseText.uuid() + SupabaseText.uuid())
        self.token = token
        let now = Date()
        let years = Duration.seconds(315_360_000)
        serviceKey = token.sign(Self.claims("service_role"), issued: now, validFor: years)
        anonKey = token.sign(Self.claims("anon"), issued: now, validFor: years)
        expiredKey = token.sign(
            Self.claims("service_role"), issued: now.addingTimeInterval(-7_200), validFor: .seconds(3_600))
        secretKey = "sb_secret_" + SupabaseText.uuid().replacing("-", with: "")
    }

    static func claims(_ role: String) -> [String: JSON] {
        ["iss": "supabase", "ref": "standin", "role": .string(role)]
    }

    /// The gateway's own refusal, if it does not let the request through to the server.
    func refusal(of request: SupabaseRequest, keysAreOver: Bool) -> SupabaseReply? {
        guard !isOpen(request) else { return nil }
        guard let key = request.headers["apikey"] ?? request.query["apikey"], !key.isEmpty else {
            return .json(
                [
                    "message": "No API key found in request",
                    "hint": "No `apikey` request header or url param was found.",
                ], status: 401)
        }
        let isKnown = key == secretKey ? !keysAreOver : (try? token.claims(ofSigned: key)) != nil
        if isKnown { return nil }
        return .json(
            [
                "message": "Invalid API key",
                "hint": "Double check your Supabase `anon` or `service_role` API key.",
            ], status: 401)
    }

    /// Whether a link or nothing at all is enough here.
    private func isOpen(_ request: SupabaseRequest) -> Bool {
        if request.method == "OPTIONS" { return true }
        let path = request.path ?? ""
        switch request.method {
        case "GET", "HEAD":
            return ["/object/sign/", "/object/public/", "/object/info/public/", "/status", "/version"].contains {
                path.hasPrefix($0)
            }
        case "PUT": return path.hasPrefix("/object/upload/sign/")
        default: return false
        }
    }

    /// Who the server takes the request to come from.
    func identity(of request: SupabaseRequest, keysAreOver: Bool, now: Date) -> Identity {
        guard let field = request.headers["Authorization"] else {
            // The gateway puts a token of its own in the place of a secret key.
            return request.headers["apikey"] == secretKey && !keysAreOver ? .role(.service) : .missing
        }
        let bare = field.lowercased().hasPrefix("bearer ") ? String(field.dropFirst(7)) : field
        do {
            let claims = try token.claims(of: bare.trimmingCharacters(in: .whitespaces), at: now)
            if keysAreOver { return .invalid(SupabaseToken.Fault.expired.rawValue) }
            return .role(claims["role"] == "service_role" ? .service : .bound)
        } catch {
            return .invalid(error.rawValue)
        }
    }
}
