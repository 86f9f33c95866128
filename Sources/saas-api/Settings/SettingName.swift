/// The settings, by their names in the environment.
enum SettingName: String, CaseIterable {
    case listen = "SAAS_LISTEN"
    case publicURL = "SAAS_PUBLIC_URL"
    case databaseURL = "SAAS_DATABASE_URL"
    case custodeURL = "SAAS_CUSTODE_URL"
    case custodePublicURL = "SAAS_CUSTODE_PUBLIC_URL"
    case custodeKey = "SAAS_CUSTODE_KEY"
    case issuer = "SAAS_AUTH0_ISSUER"
    case audience = "SAAS_AUTH0_AUDIENCE"
    case clientID = "SAAS_AUTH0_CLIENT_ID"
    case keySetURL = "SAAS_AUTH0_JWKS_URL"
    case userClaim = "SAAS_USER_CLAIM"
    case transcriptionURL = "SAAS_TRANSCRIPTION_URL"
    case translationURL = "SAAS_TRANSLATION_URL"
    case streamURL = "SAAS_STREAM_URL"
    case callTimeout = "SAAS_CALL_TIMEOUT"
    case callAttempts = "SAAS_CALL_ATTEMPTS"
    case callRetry = "SAAS_CALL_RETRY"
    case inputWait = "SAAS_INPUT_WAIT"
    case callsAtOnce = "SAAS_CALLS_AT_ONCE"
    case allowance = "SAAS_ALLOWANCE"
    case costs = "SAAS_COSTS"
    case hourPrice = "SAAS_USD_PER_HOUR"
    case packs = "SAAS_PACKS"
    case stripeKey = "SAAS_STRIPE_KEY"
    case stripeWebhookSecret = "SAAS_STRIPE_WEBHOOK_SECRET"
    case stripeURL = "SAAS_STRIPE_URL"
    case logLevel = "SAAS_LOG_LEVEL"
    case logFormat = "SAAS_LOG_FORMAT"

    /// Whether its value is shown to nobody.
    var isSecret: Bool {
        switch self {
        case .databaseURL, .custodeKey, .stripeKey, .stripeWebhookSecret: true
        default: false
        }
    }

    /// What it means, and what holds without it.
    var explanation: String {
        switch self {
        case .listen: "host:port of API and page; 127.0.0.1:8000"
        case .publicURL: "where browsers find them; http:// + listen"
        case .databaseURL: "libpq URI, or DATABASE_URL; required"
        case .custodeURL: "Custode's public listener, or CUSTODE_URL; required"
        case .custodePublicURL: "what its links begin with, if that is another (CUSTODE_PUBLIC_URL)"
        case .custodeKey: "a service key with delegate and artifacts, or CUSTODE_SERVICE_KEY; required"
        case .issuer: "whose tokens are taken, such as https://tenant.eu.auth0.com/; required"
        case .audience: "what they must be for: the API's identifier; required"
        case .clientID: "the page's own id at the issuer; required"
        case .keySetURL: "the issuer's keys; issuer + .well-known/jwks.json"
        case .userClaim: "the claim that holds users.id; sub"
        case .transcriptionURL, .translationURL, .streamURL:
            "the technical endpoint of jobs of this type; without it they are not taken"
        case .callTimeout: "how long one call of it may take, at most 15m; 10m"
        case .callAttempts: "how often it is called in all before a job has failed; 8"
        case .callRetry: "after how long it is called again, then twice as long each time; 15s"
        case .inputWait: "after how long a job whose file never came has failed; 7d"
        case .callsAtOnce: "how many calls may be under way at a time; 8"
        case .allowance: "credits of a user each month (UTC), which lapse with it; 20"
        case .costs: "credits a job costs; transcription=1,translation=1,stream=1"
        case .hourPrice: "what an hour of media costs us, for the estimate in usage_logs.cost_usd; 0.36"
        case .packs: "what is sold, credits=price at Stripe: 100=price_1,500=price_2; nothing"
        case .stripeKey: "the secret key, sk_…; required with packs"
        case .stripeWebhookSecret: "whsec_…, several with commas while one replaces another; required with packs"
        case .stripeURL: "https://api.stripe.com"
        case .logLevel: "debug, info, notice, warning, error; info"
        case .logFormat: "json or text; text on a terminal"
        }
    }

    /// All of them with what they mean, for `--help`.
    static var table: String {
        let width = (allCases.map(\.rawValue.count).max() ?? 0) + 2
        return allCases.map { name in
            name.rawValue + String(repeating: " ", count: width - name.rawValue.count) + name.explanation + "\n"
        }.joined()
    }
}
