import Glibc

/// Takes connections on a port of 127.0.0.1 and never says a word.
final class SilentListener: Sendable {
    let port: UInt16
    private let descriptor: Int32

    init?() {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let failed = withUnsafeMutablePointer(to: &address) { [descriptor] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) != 0 || listen(descriptor, 8) != 0
                    || getsockname(descriptor, $0, &length) != 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        if failed { return nil }
    }

    deinit {
        close(descriptor)
    }
}
