import Foundation
import Glibc
import Synchronization

/// A program started by the tests, in a process group of its own, that the reaper ends if nobody else does.
public final class ChildProcess: Sendable {
    /// The process id, which is its group's id too.
    public let pid: Int32

    private struct State {
        var status: Int32?
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    private init(pid: Int32) {
        self.pid = pid
    }

    /// Starts a program with exactly this environment, its output going to files, its input empty.
    public static func start(
        _ program: String, _ arguments: [String], environment: [String: String],
        output: String = "/dev/null", errors: String = "/dev/null", input: String = "/dev/null"
    ) throws -> ChildProcess {
        let reaper = Reaper.shared
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        let appending = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 1, output, appending, 0o644)
        posix_spawn_file_actions_addopen(&actions, 2, errors, appending, 0o644)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
        posix_spawnattr_setflags(&attributes, Int16(flags))
        // A shell's background job hands down ignored signals, a thread of a pool blocked ones.
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for number in [SIGPIPE, SIGINT, SIGQUIT, SIGHUP, SIGTERM] { sigaddset(&signals, number) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        var pid: pid_t = 0
        let variables = environment.map { "\($0.key)=\($0.value)" }
        let code = withCStrings([program] + arguments) { arguments in
            withCStrings(variables) { posix_spawn(&pid, program, &actions, &attributes, arguments, $0) }
        }
        guard code == 0 else { throw HarnessError.system("posix_spawn \(program)", code) }
        let child = ChildProcess(pid: pid)
        reaper.watch(group: pid)
        Thread.detachNewThread { child.collect() }
        return child
    }

    private func collect() {
        var info = siginfo_t()
        // The id stays ours until it is reaped under the lock, so that `signal` never hits a stranger.
        while waitid(P_PID, id_t(pid), &info, WEXITED | WNOWAIT) == -1 && errno == EINTR {}
        let waiting = state.withLock { state in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) == -1 && errno == EINTR {}
            let killedBy = status & 0x7f
            state.status = killedBy == 0 ? (status >> 8) & 0xff : 128 + killedBy
            defer { state.waiting = [] }
            return state.waiting
        }
        Reaper.shared.forget(group: pid)
        waiting.forEach { $0.resume() }
    }

    /// The exit status as a shell tells it (128 + n for signal n), or nil while it runs.
    public var status: Int32? { state.withLock { $0.status } }

    /// Sends a signal to the process, or to its whole group; nothing happens once it has ended.
    public func signal(_ number: Int32, group: Bool = false) {
        state.withLock { state in
            if state.status == nil { _ = kill(group ? -pid : pid, number) }
        }
    }

    /// Waits for the end and returns the exit status; a program that outlives the limit is killed and reported.
    public func end(within limit: Duration = .seconds(30)) async throws -> Int32 {
        let watchdog = Task {
            try await Task.sleep(for: limit)
            signal(SIGKILL, group: true)
            return true
        }
        await withCheckedContinuation { continuation in
            let ended = state.withLock { state in
                if state.status == nil { state.waiting.append(continuation) }
                return state.status != nil
            }
            if ended { continuation.resume() }
        }
        watchdog.cancel()
        if (try? await watchdog.value) == true {
            throw HarnessError("process \(pid) was still running after \(limit)")
        }
        return status ?? -1
    }
}
