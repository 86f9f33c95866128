import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import CustodeHTTP

/// The gate, or the watch, in a pipeline without a socket.
struct ConnectionBench {
    /// Notes what would reach the socket besides bytes.
    final class Socket: ChannelOutboundHandler {
        typealias OutboundIn = Any
        var closes: [CloseMode] = []
        var reads = 0

        func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
            closes.append(mode)
            promise?.succeed()
        }

        func read(context: ChannelHandlerContext) { reads += 1 }
    }

    /// Notes what the handlers tell the service besides requests.
    final class Service: ChannelInboundHandler {
        typealias InboundIn = Any
        var events: [Any] = []
        var errors: [any Error] = []

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) { events.append(event) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { errors.append(error) }
    }

    let channel = EmbeddedChannel()
    let socket = Socket()
    let service = Service()
    let activity = ConnectionActivity()

    init(gate: Bool = true, limits: ConnectionLimits = ConnectionLimits()) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(socket)
        if gate {
            try pipeline.addHandler(RequestGate(activity: activity))
        } else {
            try pipeline.addHandler(ConnectionWatch(limits: limits, activity: activity))
        }
        try pipeline.addHandler(service)
    }

    static func head(
        _ fields: [(String, String)] = [], _ method: HTTPMethod = .PUT, version: HTTPVersion = .http1_1,
        host: Bool = true
    ) -> HTTPServerRequestPart {
        .head(
            HTTPRequestHead(
                version: version, method: method, uri: "/", headers: HTTPHeaders((host ? [("host", "h")] : []) + fields)
            ))
    }

    /// Lets a request without a body in.
    func request(_ fields: [(String, String)] = [], version: HTTPVersion = .http1_1) throws {
        try channel.writeInbound(Self.head(fields, .GET, version: version))
        try channel.writeInbound(HTTPServerRequestPart.end(nil))
    }

    /// Sends a reply without a body.
    func reply(_ fields: [(String, String)] = [], _ status: HTTPResponseStatus = .ok) throws {
        try channel.writeOutbound(
            HTTPServerResponsePart.head(
                HTTPResponseHead(version: .http1_1, status: status, headers: HTTPHeaders(fields))))
        try channel.writeOutbound(HTTPServerResponsePart.end(nil))
    }

    /// The heads that came through to the service.
    func letIn() throws -> Int {
        var heads = 0
        while let part = try channel.readInbound(as: HTTPServerRequestPart.self) {
            if case .head = part { heads += 1 }
        }
        return heads
    }

    /// The reply that went out: its head and its body.
    func sent() throws -> (head: HTTPResponseHead, body: String)? {
        var head: HTTPResponseHead?
        var body = ""
        while let part = try channel.readOutbound(as: HTTPServerResponsePart.self) {
            switch part {
            case .head(let found): head = found
            case .body(.byteBuffer(let buffer)): body += String(buffer: buffer)
            case .body: break
            case .end: return head.map { ($0, body) }
            }
        }
        return nil
    }

    func fire(_ event: any Sendable) { channel.pipeline.fireUserInboundEventTriggered(event) }
}
