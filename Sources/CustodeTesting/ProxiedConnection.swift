import Foundation
import Synchronization

/// A client's connection and, once something is forwarded, ours to the server: one thread for each direction.
final class ProxiedConnection: Sendable {
    /// A request that the server has not answered yet.
    private struct Exchange {
        var method: String
        var action: ProxyRules.Action?
    }

    private let proxy: FaultProxyCore
    private let client: ProxySocket
    private let server = Mutex<ProxySocket?>(nil)
    private let exchanges = Mutex<[Exchange]>([])
    private let threads = Atomic(1)

    init(client: ProxySocket, proxy: FaultProxyCore) {
        self.client = client
        self.proxy = proxy
    }

    /// Ends both sides.
    func end(_ ending: ProxyFault.Ending) {
        client.end(ending)
        server.withLock { $0 }?.end(ending)
    }

    /// Forwards what the client sends, until it ends.
    func run() {
        defer { leave() }
        var reader = MessageReader(client)
        var tally = ProxyRules.Tally()
        do {
            while try forward(from: &reader, &tally) {}
            if let server = server.withLock({ $0 }) { server.finishSending() } else { end(.finish) }
        } catch {
            // A reply that overtakes the request's body must still arrive.
            client.drain()
            end(.finish)
        }
    }

    private func leave() {
        if threads.subtract(1, ordering: .relaxed).newValue == 0 { proxy.forget(self) }
    }

    private func forward(from reader: inout MessageReader, _ tally: inout ProxyRules.Tally) throws -> Bool {
        switch try reader.nextRequest() {
        case .end: return false
        case .other(let bytes):
            try client.pause(proxy.latency)
            try pass(bytes[...], .toServer, &tally, to: connected())
        case .message(let head):
            let action = proxy.action(for: head.startLine)
            try client.pause(proxy.latency)
            if case .hold(.toServer) = action { try proxy.hold(for: client) }
            if case .answer(let reply) = action { return try answer(head, with: reply, &reader) }
            exchanges.withLock { $0.append(Exchange(method: head.method, action: action)) }
            let server = try connected()
            try pass(head.bytes[...], .toServer, &tally, to: server)
            if head.headers["Expect"] != nil {
                guard try reader.waitForBytes() else { return false }
                // Refused before it was asked for, the body does not come: what came is the next request.
                if exchanges.withLock({ $0.isEmpty }) { return true }
            }
            try reader.body(head.requestFraming) { bytes, _ in try pass(bytes, .toServer, &tally, to: server) }
        }
        return true
    }

    /// Answers in the server's place and says whether the connection goes on.
    private func answer(
        _ head: MessageHead, with reply: CannedResponse, _ reader: inout MessageReader
    ) throws -> Bool {
        let isEarly = reply.isEarly || head.headers["Expect"] != nil
        var tally = ProxyRules.Tally()
        if !isEarly { try reader.body(head.requestFraming) { _, _ in } }
        try pass(reply.wire(method: head.method, closes: isEarly)[...], .toClient, &tally, to: client)
        guard isEarly else { return true }
        client.finishSending()
        client.drain()
        return false
    }

    /// The connection to the server, made when it is first needed.
    private func connected() throws -> ProxySocket {
        if let socket = server.withLock({ $0 }) { return socket }
        do {
            let socket = try proxy.connect()
            server.withLock { $0 = socket }
            threads.add(1, ordering: .relaxed)
            Thread.detachNewThread { [self] in deliver(from: socket) }
            return socket
        } catch {
            end(.reset)
            throw error
        }
    }

    /// Hands the server's replies to the client, until they end.
    private func deliver(from server: ProxySocket) {
        defer { leave() }
        var reader = MessageReader(server)
        var tally = ProxyRules.Tally()
        do {
            while try deliver(from: &reader, &tally) {}
            client.finishSending()
        } catch is MessageReader.Short {
            end(.finish)
        } catch {
            end(.reset)
        }
    }

    private func deliver(from reader: inout MessageReader, _ tally: inout ProxyRules.Tally) throws -> Bool {
        switch try reader.nextReply() {
        case .end: return false
        case .other(let bytes):
            try pass(bytes[...], .toClient, &tally, to: client)
        case .message(let head) where (100..<200).contains(head.status):
            try pass(head.bytes[...], .toClient, &tally, to: client)
        case .message(let head):
            // Before its reply goes on, since the client's next request may follow at once.
            let exchange = exchanges.withLock { $0.isEmpty ? nil : $0.removeFirst() }
            let framing = head.replyFraming(to: exchange?.method ?? "GET")
            var action = exchange?.action
            if case .hold(let direction) = action {
                if direction == .toClient { try proxy.hold(for: client) }
                action = nil
            }
            guard let action else {
                try pass(head.bytes[...], .toClient, &tally, to: client)
                try reader.body(framing) { bytes, _ in try pass(bytes, .toClient, &tally, to: client) }
                break
            }
            var body: [UInt8] = []
            try reader.body(framing) { bytes, isContent in if isContent { body += bytes } }
            try deliver(head, body, action, &tally)
        }
        return true
    }

    private func deliver(
        _ head: MessageHead, _ body: [UInt8], _ action: ProxyRules.Action, _ tally: inout ProxyRules.Tally
    ) throws {
        switch action {
        case .answer, .hold: break
        case .lose(let ending): try finish(ending)
        case .rewrite(let rewrite):
            let (bytes, ends) = rewrite.wire(head, body: body)
            try pass(bytes[...], .toClient, &tally, to: client)
            if ends { try finish(rewrite.ending) }
        }
    }

    private func finish(_ ending: ProxyFault.Ending) throws {
        end(ending)
        throw ProxySocket.Over()
    }

    /// Forwards bytes as the faults of the moment allow.
    private func pass(
        _ bytes: ArraySlice<UInt8>, _ direction: ProxyFault.Direction, _ tally: inout ProxyRules.Tally,
        to target: ProxySocket
    ) throws {
        var rest = bytes
        while !rest.isEmpty {
            let step = proxy.step(direction, offered: rest.count, tally: &tally)
            if case .pause(let duration) = step.then { try target.pause(duration) }
            try target.send(rest.prefix(step.count))
            rest = rest.dropFirst(step.count)
            switch step.then {
            case .goOn, .pause: break
            case .end(let ending): try finish(ending)
            case .stall:
                try client.waitForClose()
                try finish(.reset)
            }
        }
    }
}
