import BlobStores
import Foundation

extension SettingReader {
    /// Reads `s3://bucket?endpoint=URL&region=R&style=path`; without an endpoint it is that of AWS.
    mutating func s3Bucket(_ value: String) -> BucketLocation? {
        let accessKey = optional(.s3AccessKey)
        let secretKey = optional(.s3SecretKey)
        for (name, key) in [(SettingName.s3AccessKey, accessKey), (.s3SecretKey, secretKey)] where key == nil {
            fault("\(name.rawValue): required with an s3:// bucket")
        }
        guard let parts = URLComponents(string: value), let bucket = parts.host, Self.isBucketName(bucket),
            parts.path.isEmpty || parts.path == "/", parts.user == nil, parts.port == nil, parts.fragment == nil
        else {
            // Who put keys into it shall not find them in a log.
            let told = value.contains("@") ? "what is given" : value
            fault("CUSTODE_BUCKET: \(told) is not s3://bucket?endpoint=https://…&region=…&style=path")
            return nil
        }
        var given: [String: String] = [:]
        for item in parts.queryItems ?? [] {
            guard ["endpoint", "region", "style"].contains(item.name), given[item.name] == nil, let value = item.value
            else {
                fault("CUSTODE_BUCKET: \(item.name) is not one of endpoint, region, style, each once")
                continue
            }
            given[item.name] = value
        }
        let region = given["region"] ?? "us-east-1"
        // An endpoint of one's own seldom has a name for each bucket.
        guard
            let style = S3Configuration.Style(
                rawValue: given["style"] ?? (given["endpoint"] == nil ? "virtual" : "path"))
        else {
            fault("CUSTODE_BUCKET: style is path or virtual")
            return nil
        }
        let endpoint = given["endpoint"] ?? "https://s3.\(region).amazonaws.com"
        guard let url = URL(string: endpoint), ["http", "https"].contains(url.scheme), url.host()?.isEmpty == false,
            url.query() == nil, url.user() == nil
        else {
            let told = endpoint.contains("@") ? "(with a user)" : endpoint
            fault("CUSTODE_BUCKET: endpoint \(told) is not a URL, such as https://s3.eu-central-1.amazonaws.com")
            return nil
        }
        return .s3(
            S3Location(
                bucket: bucket, endpoint: endpoint, region: region, style: style, accessKey: accessKey ?? "",
                secretKey: secretKey ?? ""))
    }

    private static func isBucketName(_ name: String) -> Bool {
        (3...255).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0)
                    || [0x2D, 0x2E, 0x5F].contains($0)
            }
    }
}
