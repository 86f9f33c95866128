internal import Foundation

/// Where a bucket and its objects are, as URLs.
struct S3Address: Sendable {
    /// The `Host` field.
    let host: String
    /// Scheme and host.
    private let origin: String
    /// What stands before a key in a path, a slash at its end.
    private let base: String

    /// `nil` if the endpoint is no URL.
    init?(_ configuration: S3Configuration) {
        guard let url = URL(string: configuration.endpoint), let scheme = url.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let name = url.host(), url.query() == nil, url.fragment() == nil,
            url.user() == nil
        else { return nil }
        let bucket = configuration.bucket
        // An address of IPv6 stands in brackets, and has no names below it.
        let isAddress = name.contains(":")
        guard !isAddress || configuration.style == .path else { return nil }
        let full = isAddress ? "[\(name)]" : configuration.style == .virtual ? "\(bucket).\(name)" : name
        // A port that goes without saying is left out by clients, and so by signatures.
        let usual = scheme == "https" ? 443 : 80
        host = full + (url.port.map { $0 == usual ? "" : ":\($0)" } ?? "")
        origin = "\(scheme)://\(host)"
        let path = url.path(percentEncoded: true).split(separator: "/").map { "/\($0)" }.joined()
        base = path + (configuration.style == .path ? "/\(SigV4.encode(bucket))" : "")
    }

    /// The path of an object, or of the bucket, encoded.
    func path(_ key: String?) -> String {
        guard let key else { return base.isEmpty ? "/" : base }
        return "\(base)/\(SigV4.encode(key, keepingSlashes: true))"
    }

    /// The URL of a path that this address made.
    func url(path: String, query: String) -> String { origin + path + (query.isEmpty ? "" : "?\(query)") }
}
