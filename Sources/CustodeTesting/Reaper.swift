import Foundation
import Glibc
import Synchronization

/// Ends and removes everything the tests started, however the test process itself comes to its end.
///
/// A small shell waits at the other end of a pipe. When the pipe closes (a clean exit, a trap, `kill -9`) it
/// ends the process groups, clusters, gateways, mounts and folders that it was told of.
public final class Reaper: Sendable {
    /// The reaper of this test process.
    public static let shared = Reaper()

    private let pipe: Mutex<Int32>
    private let pid: pid_t

    /// `POSIX_SPAWN_SETSID`, which glibc shows only to those who ask for its extensions.
    private static let newSession: Int16 = 0x80

    private static let script = """
        declare -A groups; clusters=(); gateways=(); folders=(); mounts=()
        while read -r verb argument; do
            case $verb in
                watch) groups[$argument]=1 ;;
                forget) unset "groups[$argument]" ;;
                cluster) clusters+=("$argument") ;;
                gateway) gateways+=("$argument") ;;
                folder) folders+=("$argument") ;;
                mount) mounts+=("$argument") ;;
            esac
        done
        for group in "${!groups[@]}"; do kill -KILL -- "-$group"; done
        for cluster in "${clusters[@]}"; do "$0/postgres" stop "$cluster"; done
        for gateway in "${gateways[@]}"; do "$0/rgw" stop "$gateway"; done
        for mount in "${mounts[@]}"; do umount -l "$mount"; done
        for folder in "${folders[@]}"; do rm -rf "$folder"; done
        """

    private init() {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { fatalError("no pipe for the reaper: \(errno)") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, ends[0], 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // A session of its own: a Ctrl-C meant for the tests must not end it before it has done its work.
        posix_spawnattr_setflags(&attributes, Self.newSession)
        var child: pid_t = 0
        let arguments = ["/bin/bash", "-c", Self.script, Checkout.root + "/scripts"]
        let code = withCStrings(arguments) { arguments in
            posix_spawn(&child, "/bin/bash", &actions, &attributes, arguments, environ)
        }
        guard code == 0 else { fatalError("the reaper did not start: \(code)") }
        Glibc.close(ends[0])
        pid = child
        pipe = Mutex(ends[1])
        atexit { Reaper.shared.finish() }
    }

    func watch(group: pid_t) { tell("watch \(group)") }
    func forget(group: pid_t) { tell("forget \(group)") }
    func stop(cluster folder: String) { tell("cluster \(folder)") }
    func stop(gateway folder: String) { tell("gateway \(folder)") }

    /// Has this folder removed at the end.
    public func remove(folder: String) { tell("folder \(folder)") }

    /// Has this mount point unmounted at the end, before folders are removed.
    public func unmount(_ folder: String) { tell("mount \(folder)") }

    private func tell(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        pipe.withLock { pipe in
            guard pipe >= 0 else { return }
            _ = Glibc.write(pipe, bytes, bytes.count)
        }
    }

    private func finish() {
        pipe.withLock { pipe in
            Glibc.close(pipe)
            pipe = -1
        }
        var status: Int32 = 0
        for _ in 0..<1_000 where waitpid(pid, &status, WNOHANG) == 0 { usleep(10_000) }
    }
}

/// Calls `body` with a null-terminated array of C strings that live as long as the call.
func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) throws -> Result
) rethrows -> Result {
    let pointers = strings.map { strdup($0) }
    defer { pointers.forEach { free($0) } }
    return try body(pointers + [nil])
}
