/// Every setting by its environment name.
enum SettingName: String, CaseIterable {
    case listen = "CUSTODE_LISTEN"
    case adminListen = "CUSTODE_ADMIN_LISTEN"
    case publicURL = "CUSTODE_PUBLIC_URL"
    case databaseURL = "CUSTODE_DATABASE_URL"
    case bucket = "CUSTODE_BUCKET"
    case s3AccessKey = "CUSTODE_S3_ACCESS_KEY"
    case s3SecretKey = "CUSTODE_S3_SECRET_KEY"
    case supabaseKey = "CUSTODE_SUPABASE_KEY"
    case policy = "CUSTODE_POLICY"
    case stateDirectory = "CUSTODE_STATE_DIR"
    case linkKeys = "CUSTODE_LINK_KEYS"
    case serviceKeys = "CUSTODE_SERVICE_KEYS"
    case auth0Issuer = "CUSTODE_AUTH0_ISSUER"
    case auth0Audience = "CUSTODE_AUTH0_AUDIENCE"
    case auth0JWKSURL = "CUSTODE_AUTH0_JWKS_URL"
    case userClaim = "CUSTODE_USER_CLAIM"
    case delivery = "CUSTODE_DELIVERY"
    case accelPrefix = "CUSTODE_ACCEL_PREFIX"
    case corsOrigins = "CUSTODE_CORS_ORIGINS"
    case environment = "CUSTODE_ENVIRONMENT"
    case logLevel = "CUSTODE_LOG_LEVEL"
    case logFormat = "CUSTODE_LOG_FORMAT"

    /// Names that scripts set for people and clients, which mean nothing here.
    static let ignored: Set<String> = [
        "CUSTODE_URL", "CUSTODE_ADMIN_URL", "CUSTODE_SERVICE_KEY", "CUSTODE_CONFIG",
    ]

    /// Whether its value must not be shown.
    var isSecret: Bool {
        switch self {
        case .s3AccessKey, .s3SecretKey, .supabaseKey, .databaseURL: true
        default: false
        }
    }

    /// The name in `custode.yaml`.
    var yaml: String { String(rawValue.dropFirst("CUSTODE_".count)).lowercased() }
}
