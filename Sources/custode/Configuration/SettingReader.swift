import CustodeCore
import CustodeHTTP
import Foundation

/// Turns the text of settings into values, gathering every fault.
struct SettingReader {
    private var sources: SettingSources
    private var own: [String] = []
    private(set) var effective: [(name: SettingName, value: String)] = []

    init(_ sources: SettingSources) { self.sources = sources }

    /// One sentence for each thing that is wrong.
    var faults: [String] { sources.faults + own }

    mutating func fault(_ sentence: String) { own.append(sentence) }

    mutating func optional(_ name: SettingName) -> String? {
        let value = sources.value(name)
        if let value { effective.append((name, name.isSecret ? Self.masked(value) : value)) }
        return value
    }

    mutating func text(_ name: SettingName, _ fallback: String) -> String {
        if let value = optional(name) { return value }
        effective.append((name, fallback))
        return fallback
    }

    mutating func hostPort(_ name: SettingName, _ fallback: String) -> HostPort {
        let value = text(name, fallback)
        if let parsed = HostPort(value) { return parsed }
        own.append("\(name.rawValue): \(value) is not host:port, such as \(fallback)")
        return HostPort(host: "127.0.0.1", port: 0)
    }

    mutating func url(_ name: SettingName, _ fallback: String) -> String {
        var value = text(name, fallback)
        while value.hasSuffix("/") { value.removeLast() }
        guard let url = URL(string: value), ["http", "https"].contains(url.scheme), url.host() != nil,
            url.query() == nil, url.fragment() == nil
        else {
            own.append("\(name.rawValue): \(value) is not the beginning of a link, such as https://files.example.com")
            return value
        }
        return value
    }

    mutating func oneOf<T: RawRepresentable>(_ name: SettingName, _ all: [T], _ fallback: T) -> T
    where T.RawValue == String {
        let value = text(name, fallback.rawValue)
        if let known = T(rawValue: value.lowercased()) { return known }
        own.append("\(name.rawValue): \(value) is not one of \(all.map(\.rawValue).joined(separator: ", "))")
        return fallback
    }

    mutating func databaseURL() -> String? {
        guard let value = optional(.databaseURL) else { return nil }
        if value.hasPrefix("postgresql://") || value.hasPrefix("postgres://") { return value }
        own.append("CUSTODE_DATABASE_URL: not a libpq URI; write postgresql://user@host/database")
        return nil
    }

    mutating func bucket() -> BucketLocation? {
        guard let value = optional(.bucket) else { return nil }
        if value.hasPrefix("s3://") { return s3Bucket(value) }
        if value.hasPrefix("supabase://") { return supabaseBucket(value) }
        guard value.hasPrefix("file:///"), let path = value.dropFirst("file://".count).removingPercentEncoding,
            path.count > 1, !path.contains("?")
        else {
            own.append("CUSTODE_BUCKET: \(value) is none of file:///directory, s3://bucket?…, supabase://bucket?url=…")
            return nil
        }
        return .directory(path)
    }

    mutating func delivery(_ bucket: BucketLocation?) -> ServiceConfiguration.Delivery {
        let mode = text(.delivery, "stream")
        let prefix = optional(.accelPrefix)
        var isDirectory = true
        switch bucket {
        case .s3, .supabase: isDirectory = false
        case .directory, nil: break
        }
        switch mode {
        case "stream":
            if prefix != nil { own.append("CUSTODE_ACCEL_PREFIX: only CUSTODE_DELIVERY=accel uses it") }
            return .stream
        case "accel" where !isDirectory:
            own.append("CUSTODE_DELIVERY: accel goes with a directory; S3 and Supabase have stream and redirect")
        case "accel":
            var prefix = prefix ?? "/custode-internal/"
            if !prefix.hasPrefix("/") { own.append("CUSTODE_ACCEL_PREFIX: \(prefix) must begin with a slash") }
            if !prefix.hasSuffix("/") { prefix += "/" }
            return .accel(prefix: prefix)
        case "redirect" where !isDirectory:
            if prefix != nil { own.append("CUSTODE_ACCEL_PREFIX: only CUSTODE_DELIVERY=accel uses it") }
            return .redirect
        case "redirect":
            own.append("CUSTODE_DELIVERY: redirect goes with S3 and Supabase; a directory has stream and accel")
        default:
            own.append("CUSTODE_DELIVERY: \(mode) is not one of stream, redirect, accel")
        }
        return .stream
    }

    mutating func origins() -> [String] {
        let origins = (optional(.corsOrigins) ?? "").split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }.filter { !$0.isEmpty }
        for origin in origins where origin != "*" {
            guard let url = URL(string: origin), url.scheme != nil, url.host() != nil, url.path().isEmpty else {
                own.append("CUSTODE_CORS_ORIGINS: \(origin) is not an origin, such as https://app.example.com")
                continue
            }
        }
        return origins
    }

    /// The policy file: the one named, else the first there is of those that come with the program.
    mutating func policyPath() -> String {
        if let named = optional(.policy) { return named }
        var places = ["policies/storage.yaml", "/etc/custode/policies/storage.yaml"]
        var directory = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        while directory.path(percentEncoded: false) != "/" {
            places.append(directory.appending(path: "policies/storage.yaml").path(percentEncoded: false))
            directory.deleteLastPathComponent()
        }
        let path = places.first(where: FileManager.default.fileExists) ?? places[0]
        effective.append((.policy, path))
        return path
    }

    mutating func policy(_ path: String) -> Policy? {
        do {
            return try Policy(file: try YAMLFile.flattened(path), environment: sources.environment)
        } catch let faults as Policy.Faults {
            own += faults.list.map { "\(path): \($0)" }
        } catch {
            own.append("\(path): \(YAMLFile.explanation(error))")
        }
        return nil
    }

    /// Enough to recognise a secret's place, nothing of the secret.
    private static func masked(_ value: String) -> String {
        guard var parts = URLComponents(string: value), parts.host != nil else { return "(set)" }
        if parts.password != nil { parts.password = "***" }
        parts.queryItems = parts.queryItems?.filter { !$0.name.contains("password") }
        return parts.string ?? "(set)"
    }
}
