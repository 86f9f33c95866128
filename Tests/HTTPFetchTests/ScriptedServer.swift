import Foundation
import Glibc
import Synchronization

/// A server on 127.0.0.1 that does to each connection what a script says, on a thread of its own.
///
/// A connection ends where its script does, in peace.
final class ScriptedServer: Sendable {
    typealias Script = @Sendable (ServerConnection) throws -> Void

    private struct State {
        var isListening = true
        var count = 0
        var open: [ObjectIdentifier: ServerConnection] = [:]
    }

    let port: UInt16
    private let listener: Int32
    private let script: Script
    private let state = Mutex(State())

    init(_ script: @escaping Script) throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (listener, length) = (listener, size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 1_024) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        port = UInt16(bigEndian: address.sin_port)
        self.script = script
        guard isBound else { throw ServerConnection.Over() }
        Thread.detachNewThread { [self] in accept() }
    }

    /// Answers every request alike, and reads its body first.
    convenience init(always reply: String) throws {
        try self.init { connection in
            while let head = try connection.readHead() {
                try connection.drop(head.length)
                try connection.send(reply)
            }
        }
    }

    var url: String { "http://127.0.0.1:\(port)/" }

    /// How many connections there have been.
    var connectionCount: Int { state.withLock { $0.count } }

    /// How many are open.
    var openCount: Int { state.withLock { $0.open.count } }

    /// Takes no more connections; those that are open go on.
    func stopListening() {
        state.withLock { state in
            if state.isListening { shutdown(listener, Int32(SHUT_RDWR)) }
        }
    }

    /// Ends all connections, and takes no more.
    func stop() {
        stopListening()
        for connection in state.withLock({ Array($0.open.values) }) { connection.end() }
    }

    private func accept() {
        while true {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else { break }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            let connection = state.withLock { state in
                state.count += 1
                let connection = ServerConnection(descriptor, number: state.count)
                state.open[ObjectIdentifier(connection)] = connection
                return connection
            }
            Thread.detachNewThread { [self] in
                try? script(connection)
                // Forgotten first: whoever counts the open ones sees it gone no later than the client.
                _ = state.withLock { $0.open.removeValue(forKey: ObjectIdentifier(connection)) }
            }
        }
        // Under the lock, so that nobody shuts down a stranger that got the number.
        state.withLock { state in
            state.isListening = false
            close(listener)
        }
    }
}
