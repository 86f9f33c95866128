/// Which bucket of a Supabase project, and the key to it.
public struct SupabaseConfiguration: Sendable {
    /// A key that may do everything to the bucket.
    public enum Key: Sendable, Equatable {
        /// A JWT of the service role, in `Authorization` and `apikey`.
        case token(String)
        /// An `sb_secret_…` key, which the gateway takes in `apikey` alone and turns into a token.
        case secret(String)

        /// Tells the kinds apart by how they begin.
        public init(_ text: String) { self = text.hasPrefix("sb_") ? .secret(text) : .token(text) }
    }

    /// The bucket's name.
    public var bucket: String
    /// The project's URL, such as `https://ref.supabase.co`; one with a path is that of the storage API itself.
    public var url: String
    /// The key.
    public var key: Key
    /// Where parts of uploads wait to be sent; unnamed files, which a crash takes with it.
    public var spoolDirectory: String
    /// How long pieces on their way may take when they are no longer wanted; what comes later is found by tidying.
    var patience = Duration.seconds(2)

    /// A bucket and the key to it.
    public init(bucket: String, url: String, key: Key, spoolDirectory: String) {
        self.bucket = bucket
        self.url = url
        self.key = key
        self.spoolDirectory = spoolDirectory
    }

    /// The URL that all requests begin with, without a slash at its end; `nil` if the project's is none.
    var base: String? {
        guard let scheme = url.firstRange(of: "://"), ["http", "https"].contains(url[..<scheme.lowerBound]) else {
            return nil
        }
        var host = url[scheme.upperBound...]
        while host.hasSuffix("/") { host = host.dropLast() }
        guard !host.isEmpty, !host.contains("@"), !host.contains("?"), !host.contains("#") else { return nil }
        return "\(url[..<scheme.upperBound])\(host)\(host.contains("/") ? "" : "/storage/v1")"
    }
}
