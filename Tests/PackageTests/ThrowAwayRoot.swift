import CustodeTesting
import Foundation
import Glibc

/// This machine as it is, to change root into and spoil: what is written goes to memory, and is gone with it.
struct ThrowAwayRoot {
    private let folder: TestFolder

    /// The path of the root.
    var path: String { folder.path + "/root" }
    /// The path of what was written.
    var changes: String { folder.path + "/upper" }

    /// Mounts it, which takes root; the reaper unmounts it at the latest.
    static func make() async throws -> ThrowAwayRoot {
        let made = ThrowAwayRoot(folder: try TestFolder())
        let folder = made.folder.path
        try await mount(["-t", "tmpfs", "-o", "mode=755", "tmpfs", folder], at: folder)
        for name in ["root", "upper", "work"] { mkdir(folder + "/" + name, 0o755) }
        let layers = "lowerdir=/,upperdir=\(folder)/upper,workdir=\(folder)/work"
        try await mount(["-t", "overlay", "-o", layers, "overlay", made.path], at: made.path)
        for name in ["proc", "dev"] {
            try await mount(["--bind", "/" + name, made.path + "/" + name], at: made.path + "/" + name)
        }
        return made
    }

    private static func mount(_ arguments: [String], at place: String) async throws {
        Reaper.shared.unmount(place)
        try await Command.succeed("/bin/mount", arguments)
    }

    /// Unmounts it.
    func remove() async throws {
        for place in [path + "/dev", path + "/proc", path, folder.path] {
            try await Command.succeed("/bin/umount", ["-l", place])
        }
        folder.remove()
    }

    /// Runs a program in it.
    func run(_ program: String, _ arguments: [String]) async throws -> Command.Outcome {
        try await Command.run(
            "/usr/sbin/chroot", [path, program] + arguments, environment: Self.environment, within: .seconds(600))
    }

    /// Runs the program as the service's user with the settings of its file, as its unit would, until its end.
    func custode(_ arguments: [String]) async throws -> Command.Outcome {
        try await Command.run(
            "/usr/sbin/chroot", [path, "/bin/sh", "-c", Self.asService, "sh"] + arguments,
            environment: Self.environment)
    }

    /// The same without waiting for its end.
    func start(_ arguments: [String]) throws -> ChildProcess {
        try ChildProcess.start(
            "/usr/sbin/chroot", [path, "/bin/sh", "-c", Self.asService, "sh"] + arguments,
            environment: Self.environment, errors: changes + "/log")
    }

    /// Writes a file in it.
    func write(_ text: String, to file: String, mode: mode_t = 0o644) throws {
        try text.write(toFile: path + file, atomically: false, encoding: .utf8)
        chmod(path + file, mode)
    }

    /// Whether there is anything at a path in it.
    func has(_ file: String) -> Bool {
        var facts = stat()
        return lstat(path + file, &facts) == 0
    }

    /// The owner, the group and the mode of what is at a path in it, as `stat` writes them.
    func facts(_ file: String) async throws -> String {
        try await run("stat", ["-c", "%U:%G %a", file]).output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    private static let environment = [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
    ]
    private static let asService = """
        set -a; . /etc/custode/custode.env; set +a; cd /
        exec setpriv --reuid=custode --regid=custode --init-groups custode "$@"
        """
}
