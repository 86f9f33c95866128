import CustodeTesting
import Foundation
import Glibc
import Synchronization

/// `saas-api` itself, serving.
final class SaaSProcess: Sendable {
    static let binary = Checkout.root + "/.build/debug/saas-api"

    let port: UInt16
    let settings: [String: String]
    private let folder: TestFolder
    private let child = Mutex<ChildProcess?>(nil)
    /// What it is started by, if not by itself.
    private let launcher: [String]

    init(settings: [String: String], launcher: [String] = []) throws {
        let given = settings["SAAS_LISTEN"]?.split(separator: ":").last.flatMap { UInt16($0) }
        port = try given ?? FreePort.pick()
        folder = try TestFolder()
        self.launcher = launcher
        let defaults = ["SAAS_LISTEN": "127.0.0.1:\(port)", "SAAS_LOG_LEVEL": "debug"]
        self.settings = defaults.merging(settings) { $1 }
    }

    var client: RawClient { RawClient(port: port) }
    var url: String { "http://127.0.0.1:\(port)" }
    var log: String { folder.text("log") ?? "" }

    /// Runs a verb to its end.
    func run(_ verb: String...) async throws -> Command.Outcome {
        try await Command.run(Self.binary, verb, environment: Self.environment.merging(settings) { $1 })
    }

    /// Serves until it is stopped.
    func start() async throws {
        let words = launcher + [Self.binary, "serve"]
        let child = try ChildProcess.start(
            words[0], Array(words.dropFirst()), environment: Self.environment.merging(settings) { $1 },
            output: folder.path + "/out", errors: folder.path + "/log")
        self.child.withLock { $0 = child }
        let isUp = try await eventually(within: .seconds(60)) {
            if let status = child.status {
                throw HarnessError("saas-api ended with \(status):\n\(self.log.suffix(4_000))")
            }
            return (try? await self.client.request("GET", "/healthz", within: .seconds(5)).status) == 200
        }
        guard isUp else { throw HarnessError("saas-api does not come up:\n\(log.suffix(4_000))") }
    }

    /// Stops it in order, or as a power cut would.
    @discardableResult
    func stop(_ number: Int32 = SIGTERM) async throws -> Int32 {
        guard let child = child.withLock({ $0 }) else { return 0 }
        child.signal(number)
        return try await child.end(within: .seconds(45))
    }

    private static var environment: [String: String] { Command.environment.filter { !$0.key.hasPrefix("SAAS_") } }
}
