import Foundation

/// A throwaway Ceph object gateway of the tests' own, made by `scripts/rgw`.
public struct PrivateRGW: Sendable {
    /// The keys of an S3 user.
    public struct User: Sendable {
        /// The access key, which is public.
        public let accessKey: String
        /// The secret key.
        public let secretKey: String

        /// A user, who may not be known there.
        public init(accessKey: String, secretKey: String) {
            self.accessKey = accessKey
            self.secretKey = secretKey
        }
    }

    /// The URL of its S3 endpoint, such as `http://127.0.0.1:20000`, for requests in path style.
    public let endpoint: String

    /// The port of that endpoint.
    public let port: UInt16

    /// The region in which it lets requests be signed.
    public static let region = "us-east-1"

    /// The user that owns the service's buckets.
    public static let custode = User(accessKey: "custodeaccess", secretKey: "custodesecret")

    /// A user without any right to what `custode` owns.
    public static let other = User(accessKey: "otheraccess", secretKey: "othersecret")

    /// Whether it can be started here: its programs are installed, or somebody started one already.
    public static let isAvailable = isGiven || Checkout.tool("radosgw") != nil

    private static let isGiven = ProcessInfo.processInfo.environment["CUSTODE_TEST_RGW"] != nil
    private let folder: String?
    private static let single = Once {
        if let given = try given() { return given }
        return try await start()
    }

    /// The gateway that most tests share: that of `CUSTODE_TEST_RGW`, else one per test process, started on first use.
    public static func shared() async throws -> PrivateRGW {
        try await single.value()
    }

    /// Starts one for a test that wants to stop it; the reaper removes it at the latest.
    public static func start() async throws -> PrivateRGW {
        let folder = try TestFolder()
        Reaper.shared.stop(gateway: folder.path)
        return try PrivateRGW(endpoint: await script(["start", folder.path]), folder: folder.path)
    }

    private static func given() throws -> PrivateRGW? {
        let environment = ProcessInfo.processInfo.environment
        guard let endpoint = environment["CUSTODE_TEST_RGW"] else { return nil }
        return try PrivateRGW(endpoint: endpoint, folder: environment["CUSTODE_TEST_RGW_DIR"])
    }

    private init(endpoint: String, folder: String?) throws {
        guard let port = URL(string: endpoint)?.port.flatMap(UInt16.init(exactly:)) else {
            throw HarnessError("not an endpoint with a port: \(endpoint)")
        }
        self.endpoint = endpoint
        self.port = port
        self.folder = folder
    }

    /// A bucket name that no other call gives.
    public static func newBucketName() -> String {
        "bucket-" + UUID().uuidString.lowercased()
    }

    /// Ends the gateway as a crash would and starts it again on its port; objects remain.
    public func restartGateway() async throws {
        try await run("restart-gateway")
    }

    /// Ends the gateway as a crash would; `restartGateway()` brings it back.
    public func killGateway() async throws {
        try await run("stop-gateway")
    }

    /// Stops it for good, objects and all.
    public func stop() async throws {
        try await run("stop")
    }

    private func run(_ verb: String) async throws {
        guard let folder else { throw HarnessError("\(verb): CUSTODE_TEST_RGW_DIR is not set") }
        _ = try await Self.script([verb, folder])
    }

    private static func script(_ arguments: [String]) async throws -> String {
        let output = try await Command.succeed(
            "/bin/bash", [Checkout.script("rgw")] + arguments, within: .seconds(180))
        return output.split(whereSeparator: \.isNewline).last.map(String.init) ?? ""
    }
}
