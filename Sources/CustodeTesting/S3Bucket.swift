import Foundation

/// A bucket of the gateway looked into from outside, by a client that is no part of the service.
public struct S3Bucket: Sendable {
    /// The bucket's name.
    public let name: String
    /// The gateway's own URL, whatever the service goes by way of.
    public let endpoint: String

    /// A multipart upload that nobody has completed or aborted.
    public struct OpenUpload: Sendable, Hashable {
        /// The key it is to become an object of.
        public let key: String
        /// The service's name of it.
        public let id: String
    }

    private static let client = Checkout.tool("curl") ?? "/usr/bin/curl"
    private static let signing = [
        "aws-sigv4 = \"aws:amz:\(PrivateRGW.region):s3\"",
        "user = \"\(PrivateRGW.custode.accessKey):\(PrivateRGW.custode.secretKey)\"",
        "header = \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"",
    ]
    private static let pageSize = 1_000

    /// A bucket that is there or is still to be made.
    public init(name: String, endpoint: String) {
        self.name = name
        self.endpoint = endpoint
    }

    /// Makes a new bucket at a gateway.
    public static func make(at gateway: PrivateRGW) async throws -> S3Bucket {
        let bucket = S3Bucket(name: PrivateRGW.newBucketName(), endpoint: gateway.endpoint)
        try await bucket.make()
        return bucket
    }

    /// Makes it.
    public func make() async throws { try await expect(200...200, "PUT", nil) }

    /// What the service is told of it, by way of this endpoint or straight.
    public func setting(by way: String? = nil) -> String { "s3://\(name)?endpoint=\(way ?? endpoint)" }

    /// All keys in the order of their bytes.
    public func keys(_ prefix: String = "") async throws -> [String] {
        var keys: [String] = []
        while true {
            let start = keys.last.map { "&start-after=" + Self.encode($0) } ?? ""
            let page = try await text(
                "list-type=2&max-keys=\(Self.pageSize)&prefix=\(Self.encode(prefix))\(start)")
            keys += Self.values("Key", in: page)
            if !page.contains("<IsTruncated>true</IsTruncated>") { return keys }
        }
    }

    /// The bytes under a key, or nil.
    public func get(_ key: String) async throws -> [UInt8]? {
        let (status, bytes) = try await request("GET", key)
        guard status != 404 else { return nil }
        guard status == 200 else { throw refusal("GET", key, status, bytes) }
        return bytes
    }

    /// Puts bytes under a key, over what is there.
    public func put(_ key: String, _ bytes: [UInt8] = Sample.text()) async throws {
        try await putAll([key: bytes])
    }

    /// Puts many objects at once.
    public func putAll(_ contents: [String: [UInt8]]) async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        var blocks: [String] = []
        for (number, (key, bytes)) in contents.enumerated() {
            let file = folder.path + "/\(number)"
            try Data(bytes).write(to: URL(fileURLWithPath: file))
            blocks.append(
                (Self.signing + ["upload-file = \"\(file)\"", "url = \"\(url(key))\"", "fail", "silent", "show-error"])
                    .joined(separator: "\n"))
        }
        let list = folder.path + "/list"
        try blocks.joined(separator: "\nnext\n").write(toFile: list, atomically: true, encoding: .utf8)
        try await Command.succeed(Self.client, ["--parallel", "--parallel-max", "8", "-K", list])
    }

    /// Removes an object.
    public func delete(_ key: String) async throws { try await expect(204...204, "DELETE", key) }

    /// Removes the bucket with all that it holds.
    public func remove() async throws {
        for upload in try await uploads() { try await abort(upload) }
        for key in try await keys() { try await delete(key) }
        try await expect(204...204, "DELETE", nil)
    }

    /// The multipart uploads that are open.
    public func uploads() async throws -> Set<OpenUpload> {
        let page = try await text("uploads=")
        return Set(
            page.components(separatedBy: "<Upload>").dropFirst().map {
                OpenUpload(key: Self.values("Key", in: $0).first ?? "", id: Self.values("UploadId", in: $0).first ?? "")
            })
    }

    /// Begins a multipart upload, which stays open.
    @discardableResult
    public func beginUpload(_ key: String) async throws -> OpenUpload {
        let (status, bytes) = try await request("POST", key, "uploads=")
        guard status == 200 else { throw refusal("POST", key, status, bytes) }
        let id = Self.values("UploadId", in: String(decoding: bytes, as: UTF8.self)).first
        return OpenUpload(key: key, id: id ?? "")
    }

    /// Forgets a multipart upload.
    public func abort(_ upload: OpenUpload) async throws {
        try await expect(204...204, "DELETE", upload.key, "uploadId=" + Self.encode(upload.id))
    }

    private func text(_ query: String) async throws -> String {
        let (status, bytes) = try await request("GET", nil, query)
        guard status == 200 else { throw refusal("GET", "?" + query, status, bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func expect(_ good: ClosedRange<Int>, _ method: String, _ key: String?, _ query: String = "") async throws {
        let (status, bytes) = try await request(method, key, query)
        guard good.contains(status) else { throw refusal(method, key ?? "", status, bytes) }
    }

    private func refusal(_ method: String, _ key: String, _ status: Int, _ bytes: [UInt8]) -> HarnessError {
        HarnessError("\(method) \(name)/\(key): \(status)\n\(String(decoding: bytes.prefix(600), as: UTF8.self))")
    }

    private func url(_ key: String?, _ query: String = "") -> String {
        let path =
            key.map {
                "/"
                    + $0.split(separator: "/", omittingEmptySubsequences: false).map { Self.encode(String($0)) }.joined(
                        separator: "/")
            } ?? ""
        return "\(endpoint)/\(name)\(path)" + (query.isEmpty ? "" : "?" + query)
    }

    private func request(
        _ method: String, _ key: String?, _ query: String = ""
    ) async throws -> (status: Int, body: [UInt8]) {
        let folder = try TestFolder()
        defer { folder.remove() }
        let (list, body) = (folder.path + "/list", folder.path + "/body")
        let lines =
            Self.signing + [
                "url = \"\(url(key, query))\"", "request = \(method)", "output = \"\(body)\"", "silent", "show-error",
                "write-out = \"%{http_code}\"",
            ]
        try lines.joined(separator: "\n").write(toFile: list, atomically: true, encoding: .utf8)
        let status = try await Command.succeed(Self.client, ["-K", list])
        return (Int(status) ?? 0, FileManager.default.contents(atPath: body).map(Array.init) ?? [])
    }

    private static func values(_ name: String, in xml: String) -> [String] {
        xml.components(separatedBy: "<\(name)>").dropFirst().map {
            String($0.prefix { $0 != "<" }).replacing("&quot;", with: "\"").replacing("&amp;", with: "&")
        }
    }

    private static func encode(_ text: String) -> String {
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~".utf8)
        return text.utf8.map { byte in
            plain.contains(byte)
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}
