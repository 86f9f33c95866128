import Glibc
import Synchronization

/// Ports of 127.0.0.1 that nobody listens on.
public enum FreePort {
    /// Ports that were given out and may not be bound yet: of a hundred services two would meet every other time.
    private static let given = Mutex<Set<UInt16>>([])

    /// A port that could be bound just now and was not given out before, outside the range the kernel gives to outgoing connections.
    public static func pick() throws -> UInt16 {
        for _ in 0..<1_000 {
            let port = UInt16.random(in: 15_000..<32_000)
            guard given.withLock({ $0.insert(port).inserted }) else { continue }
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { throw HarnessError.system("socket", errno) }
            defer { close(descriptor) }
            // A child that is about to become another program holds the port a little longer; this lets others have it.
            var one: Int32 = 1
            setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
            if withLoopback(port, { bind(descriptor, $0, $1) }) == 0 { return port }
        }
        throw HarnessError("no free port")
    }
}

/// Calls `body` with the socket address of a port on 127.0.0.1.
func withLoopback<Result>(
    _ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
}
