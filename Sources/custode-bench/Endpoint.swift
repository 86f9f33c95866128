import Glibc

/// The parts of an `http://` URL with an IPv4 address, which is all that the benchmark talks to.
struct Endpoint {
    let host: String
    let port: UInt16
    let path: String

    init(_ url: String) throws(BenchError) {
        let scheme = "http://"
        guard url.hasPrefix(scheme) else { throw BenchError("not an http URL: \(url)") }
        let rest = url.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != "/" }
        let parts = authority.split(separator: ":")
        guard let host = parts.first, let port = parts.count == 2 ? UInt16(parts[1]) : 80 else {
            throw BenchError("no host and port in \(url)")
        }
        self.host = String(host)
        self.port = port
        let path = rest.dropFirst(authority.count)
        self.path = path.isEmpty ? "/" : String(path)
    }

    /// The bytes of a request head for this endpoint.
    func requestHead(_ method: String, path: String? = nil, headers: [String]) -> [UInt8] {
        var lines = ["\(method) \(path ?? self.path) HTTP/1.1", "Host: \(host):\(port)"]
        lines.append(contentsOf: headers)
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    /// A connected TCP socket; the caller closes it.
    ///
    /// - Parameter receiveBuffer: `SO_RCVBUF` in bytes, set before the handshake so that the window stays
    ///   small.
    func connect(receiveBuffer: Int32? = nil) throws(BenchError) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw .system("socket") }
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var noDelay: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &noDelay, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host, &address.sin_addr) == 1 else {
            close(descriptor)
            throw BenchError("not an IPv4 address: \(host)")
        }
        let status = withUnsafePointer(to: address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard status == 0 else {
            let error = BenchError.system("connect to \(host):\(port)")
            close(descriptor)
            throw error
        }
        return descriptor
    }
}
