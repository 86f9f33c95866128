import BlobStores
import Foundation

extension SettingReader {
    /// Reads `supabase://bucket?url=URL`.
    mutating func supabaseBucket(_ value: String) -> BucketLocation? {
        let key = optional(.supabaseKey)
        if let key {
            check(supabaseKey: key)
        } else {
            fault("CUSTODE_SUPABASE_KEY: required with a supabase:// bucket")
        }
        guard let parts = URLComponents(string: value), let bucket = parts.host, Self.isSupabaseName(bucket),
            parts.path.isEmpty || parts.path == "/", parts.user == nil, parts.port == nil, parts.fragment == nil
        else {
            // Who put a key into it shall not find it in a log.
            let told = value.contains("@") ? "what is given" : value
            fault("CUSTODE_BUCKET: \(told) is not supabase://bucket?url=https://ref.supabase.co")
            return nil
        }
        let items = parts.queryItems ?? []
        guard items.count == 1, items[0].name == "url", let project = items[0].value, let url = URL(string: project),
            ["http", "https"].contains(url.scheme), url.host()?.isEmpty == false, url.query() == nil, url.user() == nil,
            url.fragment() == nil
        else {
            fault(
                "CUSTODE_BUCKET: supabase:// takes url=, the project's URL such as https://ref.supabase.co, and nothing else"
            )
            return nil
        }
        return .supabase(SupabaseLocation(bucket: bucket, url: project, key: SupabaseConfiguration.Key(key ?? "")))
    }

    /// Finds the wrong key of the four that a project shows, where that can be told by looking at it.
    private mutating func check(supabaseKey key: String) {
        let wayOut = "take the service_role key, or a secret key (sb_secret_…), of the project's API settings"
        if key.hasPrefix("sb_secret_") { return }
        guard !key.hasPrefix("sb_") else {
            return fault("CUSTODE_SUPABASE_KEY: this is a publishable key, which may do nothing here; \(wayOut)")
        }
        let parts = key.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let claims = Self.claims(parts[1]) else {
            return fault("CUSTODE_SUPABASE_KEY: it is neither a JWT nor an sb_secret_ key; \(wayOut)")
        }
        if let role = claims.role, role != "service_role" {
            fault(
                "CUSTODE_SUPABASE_KEY: this is the key of the role \(role.prefix(40)), which may do nothing here; \(wayOut)"
            )
        }
        if let expiry = claims.exp, expiry < Date().timeIntervalSince1970 {
            fault("CUSTODE_SUPABASE_KEY: it has expired; \(wayOut)")
        }
    }

    private struct Claims: Decodable {
        let role: String?
        let exp: Double?
    }

    private static func claims(_ part: Substring) -> Claims? {
        var text = String(part).replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        return Data(base64Encoded: text).flatMap { try? JSONDecoder().decode(Claims.self, from: $0) }
    }

    private static func isSupabaseName(_ name: String) -> Bool {
        (1...100).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                    || [0x2D, 0x2E, 0x5F].contains($0)
            }
    }
}
