import ArgumentParser

/// The settings as options of every command; each has the meaning of its environment name.
struct SettingOptions: ParsableArguments {
    @Option(help: "Settings file in YAML (default: custode.yaml here, else /etc/custode/custode.yaml, if there).")
    var config: String?
    @Option(help: "Public listener, host:port (CUSTODE_LISTEN).") var listen: String?
    @Option(help: "Admin listener, host:port (CUSTODE_ADMIN_LISTEN).") var adminListen: String?
    @Option(help: "What links begin with (CUSTODE_PUBLIC_URL).") var publicURL: String?
    @Option(help: "libpq URI of the SaaS's database (CUSTODE_DATABASE_URL).") var databaseURL: String?
    @Option(help: "file:///dir, s3://… or supabase://… (CUSTODE_BUCKET).") var bucket: String?
    @Option(help: "Access key of an S3 bucket (CUSTODE_S3_ACCESS_KEY).") var s3AccessKey: String?
    @Option(help: "Secret key of an S3 bucket (CUSTODE_S3_SECRET_KEY).") var s3SecretKey: String?
    @Option(help: "Service key of a Supabase project (CUSTODE_SUPABASE_KEY).") var supabaseKey: String?
    @Option(help: "Policy file (CUSTODE_POLICY).") var policy: String?
    @Option(help: "Directory of key rings and spool (CUSTODE_STATE_DIR).") var stateDir: String?
    @Option(help: "Link key ring file (CUSTODE_LINK_KEYS).") var linkKeys: String?
    @Option(help: "Service key file, id:sha256hex:grant,grant (CUSTODE_SERVICE_KEYS).") var serviceKeys: String?
    @Option(help: "Issuer of user tokens (CUSTODE_AUTH0_ISSUER).") var auth0Issuer: String?
    @Option(help: "Our audience in user tokens (CUSTODE_AUTH0_AUDIENCE).") var auth0Audience: String?
    @Option(help: "Where the issuer's keys are (CUSTODE_AUTH0_JWKS_URL).") var auth0JwksURL: String?
    @Option(help: "Claim that names the user (CUSTODE_USER_CLAIM).") var userClaim: String?
    @Option(help: "stream, redirect or accel (CUSTODE_DELIVERY).") var delivery: String?
    @Option(help: "nginx's internal location (CUSTODE_ACCEL_PREFIX).") var accelPrefix: String?
    @Option(help: "Origins that may read, comma-separated (CUSTODE_CORS_ORIGINS).") var corsOrigins: String?
    @Option(help: "Name of this environment (CUSTODE_ENVIRONMENT).") var environment: String?
    @Option(help: "trace, debug, info, notice, warning, error (CUSTODE_LOG_LEVEL).") var logLevel: String?
    @Option(help: "json or text (CUSTODE_LOG_FORMAT).") var logFormat: String?

    /// What was given on the command line.
    var given: [SettingName: String] {
        let all: [(SettingName, String?)] = [
            (.listen, listen), (.adminListen, adminListen), (.publicURL, publicURL), (.databaseURL, databaseURL),
            (.bucket, bucket), (.s3AccessKey, s3AccessKey), (.s3SecretKey, s3SecretKey),
            (.supabaseKey, supabaseKey), (.policy, policy), (.stateDirectory, stateDir), (.linkKeys, linkKeys),
            (.serviceKeys, serviceKeys), (.auth0Issuer, auth0Issuer), (.auth0Audience, auth0Audience),
            (.auth0JWKSURL, auth0JwksURL), (.userClaim, userClaim), (.delivery, delivery),
            (.accelPrefix, accelPrefix), (.corsOrigins, corsOrigins), (.environment, environment),
            (.logLevel, logLevel), (.logFormat, logFormat),
        ]
        return all.reduce(into: [:]) { given, pair in given[pair.0] = pair.1 }
    }

    /// Reads all settings; see ``Settings/init(options:)``.
    func settings() throws -> Settings { try Settings(options: self) }
}
