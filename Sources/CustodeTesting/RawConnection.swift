import Foundation
import Glibc
import Synchronization

/// One TCP connection that sends exactly the bytes it is given and reads replies to them.
///
/// Every call has a time limit and throws when it passes, so that no test can hang. One call at a time.
public final class RawConnection: Sendable {
    private let descriptor: Int32
    private let parser = Mutex(ResponseParser())
    private let atEnd = Atomic(false)

    private init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit {
        Glibc.close(descriptor)
    }

    /// Connects to a port of 127.0.0.1; a receive buffer in bytes makes a client that takes little.
    public static func open(port: UInt16, receiveBuffer: Int32? = nil) async throws -> RawConnection {
        try await offPool { try connect(port: port, receiveBuffer: receiveBuffer) }
    }

    /// Opens many connections one after the other.
    public static func open(_ count: Int, port: UInt16) async throws -> [RawConnection] {
        try await offPool { try (0..<count).map { _ in try connect(port: port, receiveBuffer: nil) } }
    }

    private static func connect(port: UInt16, receiveBuffer: Int32?) throws -> RawConnection {
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_INET, kind, 0)
        guard descriptor >= 0 else { throw HarnessError.system("socket", errno) }
        let connection = RawConnection(descriptor: descriptor)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        guard withLoopback(port, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            throw HarnessError.system("connect \(port)", errno)
        }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        return connection
    }

    /// Sends bytes, and stops early if the other side closes or answers; says whether all were sent.
    @discardableResult
    public func send(_ bytes: [UInt8], within limit: Duration = .seconds(30)) async throws -> Bool {
        try await offPool { [self] in try write(bytes, until: .now + limit) }
    }

    /// Sends text as UTF-8.
    @discardableResult
    public func send(_ text: String) async throws -> Bool {
        try await send(Array(text.utf8))
    }

    /// Sends bytes a few at a time with a pause between, and says whether all were sent before an answer came.
    public func trickle(_ bytes: [UInt8], size: Int, pause: Duration) async throws -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard try await send(Array(rest.prefix(size))) else { return false }
            rest = rest.dropFirst(size)
            try await ContinuousClock().sleep(for: pause)
        }
        return true
    }

    /// Reads one whole reply to a request of this method.
    public func read(to method: String = "GET", within limit: Duration = .seconds(30)) async throws
        -> RawResponse
    {
        try await offPool { [self] in try readReply(method, until: .now + limit) }
    }

    /// Reads one interim (1xx) reply and returns its status, or throws what came instead.
    public func readInterim(within limit: Duration = .seconds(30)) async throws -> Int {
        try await offPool { [self] in
            let end = ContinuousClock.now + limit
            while true {
                if let status = try parser.withLock({ try $0.takeInterim() }) { return status }
                guard try receive(until: end) else { throw HarnessError("closed without an interim reply") }
            }
        }
    }

    /// Takes in this many bytes or a few more, to be read later, or stops at the end.
    public func take(_ count: Int, within limit: Duration = .seconds(30)) async throws {
        try await offPool { [self] in
            let end = ContinuousClock.now + limit
            let goal = parser.withLock { $0.pending.count } + count
            while parser.withLock({ $0.pending.count }) < goal, try receive(until: end) {}
        }
    }

    /// Sends a whole request while already listening, as a client must that may be refused in the middle.
    func exchange(_ method: String, _ bytes: [UInt8], within limit: Duration) async throws -> RawResponse {
        try await offPool { [self] in
            let end = ContinuousClock.now + limit
            try write(bytes, until: end)
            return try readReply(method, until: end)
        }
    }

    /// Whether the other side closes within the limit; what it still sends before that is dropped.
    public func isClosed(within limit: Duration) async throws -> Bool {
        try await offPool { [self] in
            let end = ContinuousClock.now + limit
            do {
                while try receive(until: end) {}
                return true
            } catch is TimeOut {
                return false
            }
        }
    }

    /// Says that nothing more will be sent, and keeps reading.
    public func finishSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Ends both directions; the descriptor itself goes with this object.
    public func close() {
        shutdown(descriptor, Int32(SHUT_RDWR))
    }

    /// Ends it by RST, as if this side had crashed: what is on its way is dropped at once.
    public func reset() {
        // To connect to nowhere is how Linux lets go of a connection without closing the descriptor.
        var nowhere = sockaddr()
        nowhere.sa_family = sa_family_t(AF_UNSPEC)
        _ = Glibc.connect(descriptor, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
    }

    struct TimeOut: Error, CustomStringConvertible {
        let description = "the time limit passed"
    }

    @discardableResult
    private func write(_ bytes: [UInt8], until end: ContinuousClock.Instant) throws -> Bool {
        var sent = 0
        while sent < bytes.count {
            let ready = try wait(for: Int16(POLLIN | POLLOUT), until: end)
            if ready & Int16(POLLOUT) != 0 {
                let count = bytes[sent...].withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                if count < 0 && errno != EAGAIN { return false }
                sent += max(0, count)
            } else if try !receive(until: end) || hasReply {
                return false
            }
        }
        return true
    }

    /// Whether a final reply has begun, so that sending on is pointless.
    private var hasReply: Bool {
        parser.withLock { parser in
            let start = parser.pending.prefix(10)
            return start.count == 10 && start[9] != UInt8(ascii: "1")
        }
    }

    private func readReply(_ method: String, until end: ContinuousClock.Instant) throws -> RawResponse {
        while true {
            let ended = atEnd.load(ordering: .relaxed)
            if let reply = try parser.withLock({ try $0.next(method: method, atEnd: ended) }) { return reply }
            if ended { throw HarnessError("the connection closed without a reply") }
            _ = try receive(until: end)
        }
    }

    private func receive(until end: ContinuousClock.Instant) throws -> Bool {
        if atEnd.load(ordering: .relaxed) { return false }
        _ = try wait(for: Int16(POLLIN), until: end)
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 {
            parser.withLock { $0.feed(buffer[..<count]) }
            return true
        }
        if count < 0 && errno == EAGAIN { return true }
        atEnd.store(true, ordering: .relaxed)
        return false
    }

    private func wait(for events: Int16, until end: ContinuousClock.Instant) throws -> Int16 {
        while true {
            let left = end - .now
            guard left > .zero else { throw TimeOut() }
            let milliseconds =
                left.components.seconds * 1_000 + left.components.attoseconds / 1_000_000_000_000_000
            var request = pollfd(fd: descriptor, events: events, revents: 0)
            let count = poll(&request, 1, Int32(min(milliseconds + 1, 600_000)))
            if count > 0 { return request.revents }
            if count < 0 && errno != EINTR { throw HarnessError.system("poll", errno) }
        }
    }
}
