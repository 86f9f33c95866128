internal import NIOCore

/// Watches a connection's bytes and ends what takes too long: slow heads, slow bodies, stalled readers,
/// idle connections.
///
/// First in the pipeline, where it sees the bytes as they come. One timer serves all deadlines, so that
/// a request costs no timer of its own.
final class ConnectionWatch: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private let limits: ConnectionLimits
    private let activity: ConnectionActivity
    private let census: ConnectionCensus?
    private var timer: RepeatedTask?
    /// Whether the service wants bytes and the client has not sent them.
    private var isReading = false
    private var windowStart = NIODeadline.now()
    private var windowBytes = 0
    private var unsent = 0
    private var unsentSince = NIODeadline.now()

    init(limits: ConnectionLimits, activity: ConnectionActivity, census: ConnectionCensus? = nil) {
        self.limits = limits
        self.census = census
        self.activity = activity
    }

    func handlerAdded(context: ChannelHandlerContext) {
        activity.outlet = context
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleRepeatedTask(initialDelay: limits.tick, delay: limits.tick) { _ in
            let (watch, context) = bound.value
            watch.tick(context)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        activity.outlet = nil
        timer?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }

    func read(context: ChannelHandlerContext) {
        isReading = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = false
        windowBytes += unwrapInboundIn(data).readableBytes
        if activity.phase == .idle { activity.enter(.head) }
        context.fireChannelRead(data)
    }

    private func tick(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        if hasStalled(context, now) { return context.close(promise: nil) }
        let isCrowded = census?.isCrowded == true
        let patience = { (usual: TimeAmount) in isCrowded ? min(usual, self.limits.inCrowd) : usual }
        switch activity.phase {
        case .idle where now - activity.since > patience(limits.idle),
            .linger where now - activity.since > patience(limits.linger):
            context.close(promise: nil)
        case .head where now - activity.since > patience(limits.head):
            context.fireUserInboundEventTriggered(ConnectionTimeout.head)
        case .body:
            measureBody(context, now)
        case .idle, .head, .reply, .linger:
            break
        }
    }

    private func measureBody(_ context: ChannelHandlerContext, _ now: NIODeadline) {
        let start = max(windowStart, activity.since)
        // Bytes that the service does not ask for are not the client's to send.
        guard isReading else { return openWindow(now) }
        guard now - start >= limits.bodyWindow else {
            if start != windowStart { openWindow(start) }
            return
        }
        let least = Int(limits.bodyWindow.nanoseconds / 1_000_000_000) * limits.bodyRate
        if windowBytes < least { context.fireUserInboundEventTriggered(ConnectionTimeout.body) }
        openWindow(now)
    }

    private func openWindow(_ now: NIODeadline) {
        windowStart = now
        windowBytes = 0
    }

    private func hasStalled(_ context: ChannelHandlerContext, _ now: NIODeadline) -> Bool {
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if waiting == 0 || waiting != unsent {
            unsent = waiting
            unsentSince = now
        }
        return now - unsentSince > limits.stalledReader
    }
}
