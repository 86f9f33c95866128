import Foundation
import Glibc
import Synchronization

/// The real binary, serving: started and stopped as an operator would, and its log kept.
public final class CustodeProcess: Sendable {
    /// The folder of its state, key file and log.
    public let folder: TestFolder
    /// The settings it runs with, by their environment names.
    public let settings: [String: String]
    /// The port of the public listener.
    public let port: UInt16
    /// The port of the admin listener.
    public let adminPort: UInt16

    private let child = Mutex<ChildProcess?>(nil)

    /// Prepares a service that does not run yet.
    ///
    /// The settings win over the defaults made here.
    public init(database: String, bucket: String, keys: [ServiceKey], settings: [String: String] = [:]) throws {
        folder = try TestFolder()
        port = try FreePort.pick()
        adminPort = try FreePort.pick()
        let keyFile = folder.path + "/service-keys"
        try keys.map(\.line).joined().write(toFile: keyFile, atomically: true, encoding: .utf8)
        chmod(keyFile, 0o600)
        let state = folder.path + "/state"
        try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
        let defaults = [
            "CUSTODE_LISTEN": "127.0.0.1:\(port)",
            "CUSTODE_ADMIN_LISTEN": "127.0.0.1:\(adminPort)",
            "CUSTODE_DATABASE_URL": database,
            "CUSTODE_BUCKET": bucket,
            "CUSTODE_STATE_DIR": state,
            "CUSTODE_SERVICE_KEYS": keyFile,
            "CUSTODE_POLICY": Checkout.policy,
            "CUSTODE_LOG_LEVEL": "debug",
        ]
        self.settings = defaults.merging(settings) { $1 }
    }

    /// A client of the public listener.
    public var client: RawClient { RawClient(port: port) }
    /// A client of the admin listener.
    public var admin: RawClient { RawClient(port: adminPort) }
    /// The process id, or nil while it does not run.
    public var pid: Int32? { child.withLock { $0?.status == nil ? $0?.pid : nil } }
    /// Everything it wrote to standard error so far.
    public var log: String { folder.text("log") ?? "" }

    var environment: [String: String] {
        Command.environment.merging(settings) { $1 }
    }

    /// Runs a verb of the command line to its end with the same settings.
    public func run(_ verb: String...) async throws -> Command.Outcome {
        try await run(verb)
    }

    /// The same with other settings for this once, which win over its own.
    public func run(_ verb: [String], settings: [String: String] = [:]) async throws -> Command.Outcome {
        try await Command.run(
            Checkout.binary, verb, environment: environment.merging(settings) { $1 }, within: .seconds(120))
    }

    /// Starts serving and waits until the admin listener says it is ready.
    public func start(ready limit: Duration = .seconds(60)) async throws {
        let child = try ChildProcess.start(
            Checkout.binary, ["serve"], environment: environment, output: folder.path + "/out",
            errors: folder.path + "/log")
        self.child.withLock { $0 = child }
        let isReady = try await eventually(within: limit) {
            if let status = child.status {
                throw HarnessError("serve ended with \(status):\n\(self.log.suffix(4_000))")
            }
            return try await self.isReady()
        }
        guard isReady else { throw HarnessError("not ready after \(limit):\n\(log.suffix(4_000))") }
    }

    /// Whether the admin listener answers `GET /readyz` with 200.
    public func isReady() async throws -> Bool {
        (try? await admin.request("GET", "/readyz", within: .seconds(5)).status) == 200
    }

    /// Asks it to stop and returns its exit status.
    @discardableResult
    public func terminate(within limit: Duration = .seconds(45)) async throws -> Int32 {
        try await stop(SIGTERM, within: limit)
    }

    /// Ends it as a power cut would.
    public func kill9() async throws {
        _ = try await stop(SIGKILL, within: .seconds(10))
    }

    /// Stops it and starts it again with the same settings and ports.
    public func restart() async throws {
        try await terminate()
        try await start()
    }

    /// Sends it a signal.
    public func signal(_ number: Int32) {
        child.withLock { $0 }?.signal(number)
    }

    private func stop(_ number: Int32, within limit: Duration) async throws -> Int32 {
        guard let child = child.withLock({ $0 }) else { return 0 }
        child.signal(number)
        return try await child.end(within: limit)
    }
}
