import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// One connection of the stand-in: takes requests off the wire and puts the core's replies on it.
///
/// All of it runs on the connection's event loop.
final class SupabaseConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Step {
        case idle
        case waiting(since: ContinuousClock.Instant, [HTTPServerRequestPart])
        case collecting(ByteBuffer, @Sendable (ByteBuffer) -> SupabaseReply)
        case streaming(SupabaseTransfer)
        case cutting(left: Int, SupabaseReply)
        /// The reply is out, and what still comes is dropped.
        case discarding
    }

    private static let lastHolder = Atomic(0)
    /// How long a refused client may go on sending before the connection ends without regard for it.
    private static let patience = TimeAmount.seconds(3)
    private static let pause = TimeAmount.milliseconds(20)

    private let core: SupabaseCore
    private var context: ChannelHandlerContext?
    private var step = Step.idle
    private var request: SupabaseRequest?
    private var holder: SupabaseHolder?
    private var isKeptAlive = true
    private var wantsContinue = false

    init(_ core: SupabaseCore) {
        self.core = core
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        take(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .streaming(let transfer) = step { core.breakOff(transfer) }
        step = .discarding
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func take(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head): begin(head)
        case .body(let bytes): take(bytes)
        case .end: end()
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        guard let context else { return }
        let request = SupabaseRequest(head)
        let me = NIOLoopBound(self, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let id = Self.lastHolder.add(1, ordering: .relaxed).newValue
        let holder = SupabaseHolder(id: id) { loop.execute { me.value.cutOff(id) } }
        self.request = request
        self.holder = holder
        isKeptAlive = head.isKeepAlive
        wantsContinue = request.headers["Expect"]?.lowercased() == "100-continue"
        apply(core.begin(request, holder: holder))
    }

    private func apply(_ plan: SupabasePlan, after since: ContinuousClock.Instant = .now) {
        switch plan {
        case .reply(let reply):
            if request?.hasBody == true {
                send(reply.ending)
            } else {
                step = .collecting(ByteBuffer()) { _ in reply }
            }
        case .collect(let answer):
            invite()
            var buffer = ByteBuffer()
            buffer.reserveCapacity(min(request?.length ?? 0, 256 << 20))
            step = .collecting(buffer, answer)
        case .stream(let transfer):
            invite()
            step = .streaming(transfer)
        case .cut(let count, let reply):
            invite()
            step = .cutting(left: count, reply)
            if count == 0 { send(reply) }
        case .wait:
            step = .waiting(since: since, [])
            askAgain()
        }
    }

    /// Tells a client that waits for it to go on.
    private func invite() {
        guard wantsContinue, let context else { return }
        wantsContinue = false
        context.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    private func askAgain() {
        guard let context else { return }
        context.eventLoop.assumeIsolated().scheduleTask(in: Self.pause) { self.tryAgain() }
    }

    private func tryAgain() {
        guard case .waiting(let since, let parts) = step, let request, let holder else { return }
        switch core.plan(request, holder: holder, waited: .now - since) {
        case .wait: askAgain()
        case .reply(let reply):
            // What has come meanwhile counts as read.
            let isRead = parts.contains { if case .end = $0 { true } else { false } }
            if isRead {
                step = .idle
                send(reply)
            } else {
                apply(.reply(reply))
            }
        case let plan:
            apply(plan, after: since)
            for part in parts { take(part) }
        }
    }

    private func take(_ bytes: ByteBuffer) {
        switch step {
        case .waiting(let since, let parts):
            step = .waiting(since: since, parts + [.body(bytes)])
        case .collecting(var buffer, let answer):
            step = .idle
            buffer.writeImmutableBuffer(bytes)
            step = .collecting(buffer, answer)
        case .streaming(let transfer):
            if let refusal = core.take(bytes, transfer) { send(refusal.ending) }
        case .cutting(let left, let reply):
            step = .cutting(left: left - bytes.readableBytes, reply)
            if left <= bytes.readableBytes { send(reply) }
        case .idle, .discarding: break
        }
    }

    private func end() {
        let last = step
        step = .idle
        switch last {
        case .waiting(let since, let parts): step = .waiting(since: since, parts + [.end(nil)])
        case .collecting(let buffer, let answer): send(answer(buffer))
        case .streaming(let transfer): send(core.finish(transfer))
        case .cutting(_, let reply): send(reply)
        case .idle, .discarding: break
        }
    }

    /// Ends a transfer in favour of another request that wants the same upload.
    private func cutOff(_ id: Int) {
        guard case .streaming(let transfer) = step, transfer.holder.id == id else { return }
        core.breakOff(transfer)
        send(SupabaseError.cutOff.plainReply.with(SupabaseCore.tusFields).ending)
    }

    private func send(_ reply: SupabaseReply) {
        guard let context else { return }
        let ends = reply.ends || !isKeptAlive
        let isHead = request?.method == "HEAD"
        var headers = HTTPHeaders(reply.headers.fields.map { ($0.name, $0.value) })
        headers.add(name: "Date", value: SupabaseText.httpDate(core.now))
        if reply.status != 204 && reply.status != 304 && !headers.contains(name: "Content-Length") {
            headers.add(name: "Content-Length", value: String(reply.toldLength ?? reply.body.readableBytes))
        }
        if ends { headers.replaceOrAdd(name: "Connection", value: "close") }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !isHead && reply.body.readableBytes > 0 {
            context.write(wrapOutboundOut(.body(.byteBuffer(reply.body))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        guard ends else { return }
        step = .discarding
        hangUp(context)
    }

    /// Says that nothing more comes, and ends the connection when the client does or time is up.
    private func hangUp(_ context: ChannelHandlerContext) {
        let channel = context.channel
        context.close(mode: .output, promise: nil)
        channel.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
    }
}
