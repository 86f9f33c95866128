import Foundation

/// A verb of the command line while it runs, alone or under `strace`.
public final class RunningVerb: Sendable {
    private let child: ChildProcess
    private let folder: TestFolder
    private let isTraced: Bool

    fileprivate init(_ child: ChildProcess, _ folder: TestFolder, isTraced: Bool) {
        self.child = child
        self.folder = folder
        self.isTraced = isTraced
    }

    /// The exit status, or nil while it runs.
    public var status: Int32? { child.status }

    /// The system calls seen so far, each line with its thread's id.
    public var trace: [Substring] { (folder.text("trace") ?? "").split(separator: "\n") }

    /// Sends the verb itself a signal, traced or not.
    public func signal(_ number: Int32) { child.signal(number) }

    /// Whether every thread of it is stopped.
    public var isStopped: Bool {
        // A tracer stops them at its beginning, and at each call for a moment; that is not meant.
        if isTraced, !trace.contains(where: { $0.contains("SIGSTOP {si_signo=SIGSTOP, si_code=SI_KERNEL}") }) {
            return false
        }
        let tasks = "/proc/\(child.pid)/task"
        let threads = (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? []
        return !threads.isEmpty
            && threads.allSatisfy { thread in
                guard let text = try? String(contentsOfFile: "\(tasks)/\(thread)/stat", encoding: .utf8),
                    let state = text.split(separator: ")").last?.dropFirst().first
                else { return false }
                return state == "T" || state == "t"
            }
    }

    /// Waits until it is stopped.
    ///
    /// Throws if it ends instead.
    public func stopped(within limit: Duration = .seconds(30)) async throws {
        let isStopped = try await eventually(within: limit) { [self] in
            if let status { throw HarnessError("ended with \(status): \(folder.text("err") ?? "")") }
            return self.isStopped
        }
        guard isStopped else { throw HarnessError("not stopped after \(limit)") }
    }

    /// Waits for its end.
    public func end(within limit: Duration = .seconds(60)) async throws -> CollectionOutcome {
        let status = try await child.end(within: limit)
        return CollectionOutcome(
            Command.Outcome(status: status, output: folder.text("out") ?? "", errors: folder.text("err") ?? ""))
    }
}

extension World {
    /// Starts a verb with `--json`, under a tracer with these options if there are any, and does not wait for it.
    public func launch(
        _ verb: [String], settings: [String: String] = [:], tracing options: [String] = []
    ) throws -> RunningVerb {
        let folder = try TestFolder()
        let command = [Checkout.binary] + verb + ["--json"]
        // The tracer is the grandchild, so that the process id and the exit status are the verb's own.
        let tracer = [Checkout.tool("strace") ?? "strace", "-D", "-f", "-o", folder.path + "/trace"] + options
        let all = options.isEmpty ? command : tracer + command
        let child = try ChildProcess.start(
            all[0], Array(all.dropFirst()), environment: service.environment.merging(settings) { $1 },
            output: folder.path + "/out", errors: folder.path + "/err")
        return RunningVerb(child, folder, isTraced: !options.isEmpty)
    }

    /// Runs `custode gc --json` to its end under a tracer, mostly one that makes a call fail or end the run.
    public func gc(
        tracing options: [String], _ arguments: String..., settings: [String: String] = [:]
    ) async throws -> (outcome: CollectionOutcome, trace: [Substring]) {
        let run = try launch(["gc"] + arguments, settings: settings, tracing: options)
        let outcome = try await run.end()
        return (outcome, run.trace)
    }
}
