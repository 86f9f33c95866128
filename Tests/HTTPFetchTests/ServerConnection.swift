import Glibc
import Synchronization

/// The server's end of a connection: blocking, and never for longer than half a minute.
final class ServerConnection: Sendable {
    /// The other side is gone, or has been silent for too long.
    struct Over: Error {}

    /// The head of a request.
    struct Head: Sendable {
        var line = ""
        var fields: [(name: String, value: String)] = []

        /// The values of a field, given in lower case.
        func all(_ name: String) -> [String] { fields.filter { $0.name.lowercased() == name }.map(\.value) }

        subscript(name: String) -> String? { all(name).first }

        /// How long the body is.
        var length: Int { self["content-length"].flatMap { Int($0) } ?? 0 }
    }

    /// Which connection of its server it is, counted from 1.
    let number: Int
    private let descriptor: Int32
    private let pending = Mutex<[UInt8]>([])

    init(_ descriptor: Int32, number: Int) {
        self.descriptor = descriptor
        self.number = number
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(descriptor) }

    /// Has the socket hold so many bytes that the client has not taken; few make those it took be told.
    func keep(_ bytes: Int32) {
        var size = bytes
        setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The next head; `nil` if the client closed in peace before it.
    func readHead() throws -> Head? {
        while true {
            if let head = pending.withLock({ Self.takeHead(&$0) }) { return head }
            guard try receive() else { return nil }
        }
    }

    /// So many bytes of a body.
    func read(_ count: Int) throws -> [UInt8] {
        while pending.withLock({ $0.count }) < count { guard try receive() else { throw Over() } }
        return pending.withLock { pending in
            defer { pending.removeFirst(count) }
            return Array(pending.prefix(count))
        }
    }

    func drop(_ count: Int) throws { _ = try read(count) }

    /// Waits until the client closes, and tells how many bytes came before.
    @discardableResult
    func waitForClose() throws -> Int {
        do { while try receive() {} } catch is Reset {}
        return pending.withLock { $0.count }
    }

    /// Waits for so long, and tells whether the client closed; reads nothing.
    func isClosed(within limit: Duration) throws -> Bool {
        // POLLRDHUP, which glibc shows only to those who ask for its extensions.
        var wanted = pollfd(fd: descriptor, events: 0x2000, revents: 0)
        return poll(&wanted, 1, Int32(limit / .milliseconds(1))) > 0
    }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Over() }
            rest = rest.dropFirst(count)
        }
    }

    /// Sends until nothing was taken for so long, and tells how many bytes were.
    func push(_ bytes: [UInt8], patience: Duration = .milliseconds(500)) throws -> Int {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        var sent = 0
        while sent < bytes.count {
            var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&wanted, 1, Int32(patience / .milliseconds(1))) > 0 else { break }
            let count = bytes[sent...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
            guard count > 0 || errno == EAGAIN else { throw Over() }
            sent += max(0, count)
        }
        return sent
    }

    /// Sends nothing more, and still reads.
    func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Has the connection end by RST once its script is over.
    func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    }

    /// Has every call on it end.
    func end() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    private struct Reset: Error {}

    private func receive() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 * 1_024)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count < 0 { throw errno == ECONNRESET ? Reset() : Over() }
        pending.withLock { $0 += buffer.prefix(count) }
        return count > 0
    }

    private static func takeHead(_ bytes: inout [UInt8]) -> Head? {
        let end = Array("\r\n\r\n".utf8)
        guard bytes.count >= 4, let at = (0...bytes.count - 4).first(where: { bytes[$0..<$0 + 4].elementsEqual(end) })
        else { return nil }
        let text = String(decoding: bytes[..<at], as: UTF8.self)
        bytes.removeFirst(at + 4)
        var head = Head()
        for (index, line) in text.split(separator: "\r\n", omittingEmptySubsequences: false).enumerated() {
            if index == 0 {
                head.line = String(line)
            } else if let colon = line.firstIndex(of: ":") {
                let value = line[line.index(after: colon)...].drop { $0 == " " }
                head.fields.append((String(line[..<colon]), String(value)))
            }
        }
        return head
    }
}
