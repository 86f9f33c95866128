import Foundation
import Glibc

/// `strace` attached to a running process, to watch its system calls or to make some of them fail.
public struct Tracer: Sendable {
    private let child: ChildProcess
    private let folder: TestFolder

    /// Whether this machine has strace and lets us trace.
    public static let isUsable = Once {
        guard let strace = Checkout.tool("strace") else { return false }
        return try await Command.run(strace, ["-f", "-o", "/dev/null", "/bin/true"]).status == 0
    }

    /// Attaches to all threads of a process, or to these threads only, and returns once it watches.
    public static func attach(
        to pid: Int32, threads: [Int32] = [], options: [String]
    ) async throws -> Tracer {
        let folder = try TestFolder()
        let targets = threads.isEmpty ? ["-f", "-p", String(pid)] : threads.flatMap { ["-p", String($0)] }
        let child = try ChildProcess.start(
            Checkout.tool("strace") ?? "strace", ["-o", folder.path + "/trace"] + options + targets,
            environment: Command.environment, errors: folder.path + "/err")
        let wanted = max(1, threads.count)
        let isAttached = try await eventually {
            let errors = folder.text("err") ?? ""
            if child.status != nil { throw HarnessError("strace ended: \(errors)") }
            return errors.ranges(of: "attached").count >= wanted
        }
        guard isAttached else { throw HarnessError("strace did not attach: \(folder.text("err") ?? "")") }
        return Tracer(child: child, folder: folder)
    }

    /// The lines written so far.
    public var lines: [Substring] {
        (folder.text("trace") ?? "").split(separator: "\n")
    }

    /// Lets go of the process and returns every line written.
    ///
    /// Of a process that the trace itself kills, strace sees the end and ends with it.
    @discardableResult
    public func detach(isKilled: Bool = false) async throws -> [Substring] {
        if isKilled { _ = try await eventually(within: .seconds(3)) { child.status != nil } }
        child.signal(SIGTERM)
        // A tracer that is told to stop while its tracee dies may wait for ever; killed, it lets go as well.
        _ = try? await child.end(within: .seconds(5))
        defer { folder.remove() }
        return lines
    }
}
