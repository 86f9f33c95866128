import CustodeTesting
import Foundation

/// A stand-in of `scripts/stand-ins`, running: what the SaaS needs beside Custode and the database.
final class StandIn: Sendable {
    private let child: ChildProcess
    private let folder: TestFolder
    /// Where it listens.
    let url: String

    private init(child: ChildProcess, folder: TestFolder, url: String) {
        self.child = child
        self.folder = folder
        self.url = url
    }

    /// Starts one on a free port.
    static func start(_ name: String, _ arguments: [String]) async throws -> StandIn {
        let folder = try TestFolder()
        let log = name == "transcriber" ? ["--log", folder.path + "/calls"] : []
        guard let python = Checkout.tool("python3") else { throw HarnessError("no python3") }
        let child = try ChildProcess.start(
            python, ["-u", Checkout.script("stand-ins/" + name)] + arguments + log, environment: Command.environment,
            output: folder.path + "/out", errors: folder.path + "/log")
        let isUp = try await eventually(within: .seconds(30)) {
            if child.status != nil { throw HarnessError("\(name) ended: \(folder.text("log") ?? "")") }
            return folder.text("out")?.contains("\n") == true
        }
        guard isUp, let line = folder.text("out")?.split(separator: "\n").first else {
            throw HarnessError("\(name) does not come up")
        }
        return StandIn(child: child, folder: folder, url: String(line))
    }

    /// What a technical endpoint was called with, in order.
    var calls: [JSON] {
        (folder.text("calls") ?? "").split(separator: "\n").compactMap { try? JSON(Array($0.utf8)) }
    }

    /// Ends it.
    func stop() { child.signal(SIGKILL, group: true) }

    /// Holds it where it is, or lets it go on.
    func signal(_ number: Int32) { child.signal(number, group: true) }
}
