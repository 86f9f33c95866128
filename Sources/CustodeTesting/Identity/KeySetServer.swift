import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Serves a key set, well or badly, and counts who asks.
public final class KeySetServer: Sendable {
    /// What it answers.
    public struct Reply: Sendable {
        /// The status code.
        public var status = 200
        /// The `Content-Type`; none if `nil`.
        public var type: String? = "application/json"
        /// The `Location`, if it leads elsewhere.
        public var location: String?
        /// The body.
        public var body: String
        /// How long it thinks before it answers.
        public var delay = Duration.zero
        /// Whether it ends the connection in the place of a reply.
        public var hangsUp = false
        /// Whether the body comes byte by byte, ten a second.
        public var drips = false

        /// A body by itself.
        public init(_ body: String) { self.body = body }

        /// A key set.
        public static func keys(_ keys: [JSON]) -> Reply { Reply(JSON.object(["keys": .array(keys)]).description) }
    }

    private let state: Mutex<(reply: Reply, hits: Int)>
    private let listener: any Channel
    /// Where the key set is.
    public let url: String

    private init(_ listener: any Channel, _ reply: Reply) throws {
        guard let port = listener.localAddress?.port else { throw HarnessError("the key set's server has no port") }
        self.listener = listener
        url = "http://127.0.0.1:\(port)/.well-known/jwks.json"
        state = Mutex((reply, 0))
    }

    /// Starts one on a free port.
    public static func start(_ reply: Reply) async throws -> KeySetServer {
        let box = Mutex<KeySetServer?>(nil)
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let server = box.withLock({ $0 }) else { throw ChannelError.ioOnClosedChannel }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(KeySetHandler(server))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = try KeySetServer(listener, reply)
        box.withLock { $0 = server }
        return server
    }

    /// What it answers from now on.
    public var reply: Reply {
        get { state.withLock { $0.reply } }
        set { state.withLock { $0.reply = newValue } }
    }

    /// How often it was asked.
    public var hits: Int { state.withLock { $0.hits } }

    fileprivate func take() -> Reply {
        state.withLock { state in
            state.hits += 1
            return state.reply
        }
    }
}

/// One connection to it.
private final class KeySetHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: KeySetServer

    init(_ server: KeySetServer) { self.server = server }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .end = unwrapInboundIn(data) else { return }
        let reply = server.take()
        guard !reply.hangsUp else { return context.close(promise: nil) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: TimeAmount(reply.delay)) {
            let (handler, context) = bound.value
            handler.answer(reply, context)
        }
    }

    private func answer(_ reply: KeySetServer.Reply, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders([("Content-Length", "\(reply.body.utf8.count)")])
        if let type = reply.type { headers.add(name: "Content-Type", value: type) }
        if let location = reply.location { headers.add(name: "Location", value: location) }
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: reply.status), headers: headers)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
        guard reply.drips else {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: reply.body)))), promise: nil)
            return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
        drip(Array(reply.body.utf8)[...], context)
    }

    private func drip(_ rest: ArraySlice<UInt8>, _ context: ChannelHandlerContext) {
        guard let first = rest.first, context.channel.isActive else {
            return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: [first])))), promise: nil)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .milliseconds(100)) {
            let (handler, context) = bound.value
            handler.drip(rest.dropFirst(), context)
        }
    }
}
