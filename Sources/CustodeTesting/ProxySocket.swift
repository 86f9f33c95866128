import Glibc
import Synchronization

/// One side of a proxied connection; its calls block a thread, and end soon after `end` was called by another.
final class ProxySocket: Sendable {
    /// The connection was ended by us or by the other side, in peace or not.
    struct Over: Error {}

    private let descriptor: Int32
    private let isOver = Atomic(false)
    private let resets = Atomic(false)

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// Connects to an IPv4 address.
    static func connect(host: String, port: UInt16) throws -> ProxySocket {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw HarnessError.system("socket", errno) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        inet_pton(AF_INET, host, &address.sin_addr)
        let code = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else {
            Glibc.close(descriptor)
            throw Over()
        }
        return ProxySocket(descriptor)
    }

    /// Has every call on it fail; a reset goes out when the last thread lets go of it, a FIN at once.
    func end(_ ending: ProxyFault.Ending) {
        guard !isOver.exchange(true, ordering: .relaxed) else { return }
        switch ending {
        case .finish:
            shutdown(descriptor, Int32(SHUT_WR))
        case .reset:
            resets.store(true, ordering: .relaxed)
            var now = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        }
    }

    /// Says that nothing more will be sent.
    func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Some bytes, or none at the end.
    func receive(_ most: Int = 65_536) throws -> [UInt8] {
        while true {
            try wait(for: Int16(POLLIN))
            var received = 0
            var code: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, count in
                received = recv(descriptor, buffer.baseAddress, most, 0)
                code = errno
                count = max(0, received)
            }
            if received >= 0 { return bytes }
            guard code == EAGAIN || code == EINTR else { throw Over() }
        }
    }

    /// Sends all of these bytes.
    func send(_ bytes: ArraySlice<UInt8>) throws {
        var rest = bytes
        while !rest.isEmpty {
            try wait(for: Int16(POLLOUT))
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                guard errno == EAGAIN || errno == EINTR else { throw Over() }
            } else {
                rest = rest.dropFirst(count)
            }
        }
    }

    /// Sleeps, but not past the connection's end.
    func pause(_ duration: Duration) throws {
        let end = ContinuousClock.now + duration
        while true {
            guard !isOver.load(ordering: .relaxed) else { throw Over() }
            let left = end - .now
            guard left > .zero else { return }
            usleep(UInt32(min(left, Self.patience) / .microseconds(1)) + 1)
        }
    }

    /// Returns when the other side has closed or reset the connection, whatever it sends before.
    func waitForClose() throws {
        while try !hasClosed() {}
    }

    /// Whether it has, looking for a moment.
    func hasClosed() throws -> Bool { try poll(for: Self.hangUp) }

    /// Drops what still comes until the other side closes, for a moment at most: a close with bytes unread is a reset.
    func drain(for limit: Duration = .seconds(1)) {
        let end = ContinuousClock.now + limit
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while ContinuousClock.now < end, !resets.load(ordering: .relaxed) {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { return }
            if count < 0 { usleep(5_000) }
        }
    }

    /// How long a thread sleeps at most before it looks whether the connection is over.
    private static let patience = Duration.milliseconds(20)
    /// `POLLRDHUP`, which glibc shows only to those who ask for its extensions, and what is always told.
    private static let hangUp = Int16(0x2000) | Int16(POLLHUP) | Int16(POLLERR)

    private func wait(for events: Int16) throws {
        while try !poll(for: events) {}
    }

    private func poll(for events: Int16) throws -> Bool {
        guard !isOver.load(ordering: .relaxed) else { throw Over() }
        var request = pollfd(fd: descriptor, events: events, revents: 0)
        let count = Glibc.poll(&request, 1, Int32(Self.patience / .milliseconds(1)))
        guard !isOver.load(ordering: .relaxed) else { throw Over() }
        return count > 0
    }
}
