import Glibc

/// A file descriptor that becomes readable for good once `raise` was called, to end a `poll`.
final class Interruption: Sendable {
    let descriptor: Int32
    private let far: Int32

    /// Returns `nil` if the process has no file descriptors left.
    init?() {
        var ends: (Int32, Int32) = (-1, -1)
        // Unlike a pipe made without GNU extensions, a socket pair is never inherited by a child process.
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let made = withUnsafeMutablePointer(to: &ends) { pair in
            pair.withMemoryRebound(to: Int32.self, capacity: 2) { socketpair(AF_UNIX, kind, 0, $0) }
        }
        guard made == 0 else { return nil }
        (descriptor, far) = ends
    }

    deinit {
        close(descriptor)
        close(far)
    }

    func raise() {
        shutdown(far, Int32(SHUT_RDWR))
    }
}
