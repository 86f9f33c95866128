import Foundation
import Glibc
import Synchronization

/// What the threads of a `FaultProxy` share.
final class FaultProxyCore: Sendable {
    private struct State {
        var rules = ProxyRules()
        var listener: Int32 = -1
        var connections: [ObjectIdentifier: ProxiedConnection] = [:]
        var connectionCount = 0
        var requestLines: [String] = []
        var heldCount = 0
        var releases = 0
    }

    let port: UInt16
    private let server: (host: String, port: UInt16)
    private let state = Mutex(State())

    init(host: String, port server: UInt16) throws {
        self.server = (host, server)
        port = try FreePort.pick()
        try listen()
    }

    var latency: Duration { state.withLock { $0.rules.latency } }
    var connectionCount: Int { state.withLock { $0.connectionCount } }
    var requestLines: [String] { state.withLock { $0.requestLines } }

    var heldCount: Int { state.withLock { $0.heldCount } }

    func release() {
        state.withLock { $0.releases += 1 }
    }

    /// Returns at the next release, or when the client has closed its side, which throws.
    func hold(for client: ProxySocket) throws {
        let releases = state.withLock { state in
            state.heldCount += 1
            return state.releases
        }
        while state.withLock({ $0.releases }) == releases {
            if try client.hasClosed() { throw ProxySocket.Over() }
        }
    }

    func set(_ fault: ProxyFault, times: Int) {
        state.withLock { $0.rules.set(fault, times: times) }
        if case .refuse = fault { stopListening() }
    }

    func add(_ action: ProxyRules.Action, matching part: String, skipping: Int, times: Int) {
        state.withLock { $0.rules.add(action, matching: part, skipping: skipping, times: times) }
    }

    func clear() throws {
        let refused = state.withLock { state in
            defer { state.rules.clear() }
            return state.rules.refuses
        }
        if refused { try listen() }
    }

    func forgetRequests() {
        state.withLock { $0.requestLines = [] }
    }

    func endConnections(_ ending: ProxyFault.Ending) {
        state.withLock { Array($0.connections.values) }.forEach { $0.end(ending) }
    }

    func stop() {
        stopListening()
        endConnections(.reset)
    }

    func forget(_ connection: ProxiedConnection) {
        // Let go of outside the lock.
        _ = state.withLock { $0.connections.removeValue(forKey: ObjectIdentifier(connection)) }
    }

    func action(for line: String) -> ProxyRules.Action? {
        state.withLock { state in
            state.requestLines.append(line)
            return state.rules.action(for: line)
        }
    }

    func step(
        _ direction: ProxyFault.Direction, offered: Int, tally: inout ProxyRules.Tally
    ) -> ProxyRules.Step {
        state.withLock { $0.rules.step(direction, offered: offered, tally: &tally) }
    }

    func connect() throws -> ProxySocket {
        try ProxySocket.connect(host: server.host, port: server.port)
    }

    private func listen() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw HarnessError.system("socket", errno) }
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard withLoopback(port, { bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 512) == 0 else {
            let code = errno
            close(descriptor)
            throw HarnessError.system("listen \(port)", code)
        }
        state.withLock { $0.listener = descriptor }
        Thread.detachNewThread { [self] in accept(from: descriptor) }
    }

    /// The thread that accepts wakes up from this and closes the descriptor.
    private func stopListening() {
        state.withLock { state in
            if state.listener >= 0 { shutdown(state.listener, Int32(SHUT_RDWR)) }
            state.listener = -1
        }
    }

    private func accept(from listener: Int32) {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            if descriptor < 0 && (errno == EINTR || errno == ECONNABORTED) { continue }
            guard descriptor >= 0 else { break }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            let connection = ProxiedConnection(client: ProxySocket(descriptor), proxy: self)
            state.withLock { state in
                state.connectionCount += 1
                state.connections[ObjectIdentifier(connection)] = connection
            }
            Thread.detachNewThread { connection.run() }
        }
        // Under the lock, so that nobody shuts down a stranger that got the number.
        state.withLock { state in
            if state.listener == listener { state.listener = -1 }
            close(listener)
        }
    }
}
