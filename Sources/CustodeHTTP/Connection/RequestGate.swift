internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1

/// Lets only sound requests in, and ends connections such that the client still reads the reply.
///
/// Behind the parser, where the version and repeated fields are still to be seen: what could make two
/// servers disagree about where a request ends is refused (RFC 9112 §6.3, §11.2).
final class RequestGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    private let activity: ConnectionActivity
    /// Requests let in whose replies have not ended.
    private var inFlight = 0
    /// A reply said that it is the connection's last.
    private var hasSaidClose = false
    /// A request, or a shutdown, asked for the end; requests let in before that are answered first.
    private var isAskedToClose = false
    /// The request that its client called the last: what comes behind it is none.
    private var hasLetInLast = false
    /// Whether the reply that is next to end is the connection's last.
    var closesAfterReply: Bool { hasSaidClose || (isAskedToClose && inFlight <= 1) }
    /// The last reply is on its way: nothing more is let in.
    private var isEnding = false
    private var isLingering = false
    private var inputHasClosed = false
    /// What is to be said to a request behind those in flight.
    private var pendingRefusal: (status: HTTPResponseStatus, detail: String)?

    private var context: ChannelHandlerContext?

    init(activity: ConnectionActivity) { self.activity = activity }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEnding, pendingRefusal == nil, !hasLetInLast || activity.phase == .body else { return }
        switch unwrapInboundIn(data) {
        case .head(var head):
            if let fault = Self.fault(of: head) { return refuse(context, .badRequest, fault) }
            inFlight += 1
            hasLetInLast = Self.isLast(head)
            if hasLetInLast { isAskedToClose = true }
            // HTTP/1.0 knows no interim replies (RFC 9110 §10.1.1).
            if head.version != .http1_1 {
                head.headers.remove(name: "expect")
                head.headers.remove(name: "upload-draft-interop-version")
            }
            activity.enter(.body)
            context.fireChannelRead(wrapInboundOut(.head(head)))
        case .body:
            context.fireChannelRead(data)
        case .end:
            activity.enter(.reply)
            context.fireChannelRead(data)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        // Nobody behind this handler asks for what is only dropped.
        if isEnding { context.read() }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isEnding else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head) where !head.isInformational:
            if head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "close" }) {
                hasSaidClose = true
            } else if closesAfterReply {
                head.headers.replaceOrAdd(name: "connection", value: "close")
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .end:
            end(context, data, promise)
        default:
            context.write(data, promise: promise)
        }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard mode == .output else { return context.close(mode: mode, promise: promise) }
        // Once the end of the last reply is on its way, it is what closes the connection behind it.
        if !isEnding {
            isEnding = true
            linger(context)
        }
        promise?.succeed()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { inputHasClosed = true }
        switch event {
        case is ChannelShouldQuiesceEvent:
            if inFlight == 0 { context.close(promise: nil) } else { isAskedToClose = true }
        case ChannelEvent.inputClosed where isLingering || (inFlight == 0 && !isEnding):
            context.close(promise: nil)
        case ConnectionTimeout.head:
            refuse(context, .requestTimeout, "The request's head took too long.")
        case ConnectionTimeout.body:
            context.fireErrorCaught(ConnectionTimeout.body)
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // In mid-body it is the service's to answer.
        guard let fault = error as? HTTPParserError, inFlight == 0 || activity.phase != .body else {
            return context.fireErrorCaught(error)
        }
        guard !isEnding else { return }
        if fault == .headerOverflow {
            refuse(context, .requestHeaderFieldsTooLarge, "The request's header fields are too large.")
        } else {
            refuse(context, .badRequest, "The request is not well-formed HTTP/1.1.")
        }
    }

    /// Answers what never becomes a request to the service, and ends the connection.
    private func refuse(_ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ detail: String) {
        guard !isEnding else { return }
        guard inFlight == 0 else {
            // Replies go out in the order of requests (RFC 9112 §9.3.2): its turn comes after theirs.
            pendingRefusal = pendingRefusal ?? (status, detail)
            return
        }
        let body = Problem.text(
            slug: Problem.slug(status.reasonPhrase), title: status.reasonPhrase, status: Int(status.code),
            detail: detail)
        let headers: HTTPHeaders = [
            "content-type": Problem.mediaType, "content-length": String(body.utf8.count), "connection": "close",
        ]
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        inFlight += 1
        hasSaidClose = true
        end(context, wrapOutboundOut(.end(nil)), nil)
        context.flush()
    }

    /// Writes the end of a reply, which is over only when its last byte has gone out; then a connection that is to
    /// end does so, and another rests.
    private func end(_ context: ChannelHandlerContext, _ data: NIOAny, _ promise: EventLoopPromise<Void>?) {
        isEnding = closesAfterReply
        let sent = promise ?? context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        sent.futureResult.whenSuccess {
            let (gate, context) = bound.value
            gate.replyWasSent(context)
        }
        context.write(data, promise: sent)
    }

    /// Sends bytes of a reply whose length its head tells, past the codecs, which have nothing to add to them.
    ///
    /// - Parameters:
    ///   - closes: Whether the reply says that it is the connection's last.
    ///   - isLast: Whether the reply ends with these bytes.
    /// - Returns: When they have gone out.
    func send(_ pieces: [IOData], closes: Bool, isLast: Bool, on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
        guard !isEnding, let context, let outlet = activity.outlet else {
            return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        if closes { hasSaidClose = true }
        let sent = eventLoop.makePromise(of: Void.self)
        if isLast {
            isEnding = closesAfterReply
            let bound = NIOLoopBound((self, context), eventLoop: eventLoop)
            sent.futureResult.whenSuccess {
                let (gate, context) = bound.value
                gate.replyWasSent(context)
            }
        }
        for piece in pieces.dropLast() { outlet.write(NIOAny(piece), promise: nil) }
        if let last = pieces.last { outlet.write(NIOAny(last), promise: sent) }
        outlet.flush()
        return sent.futureResult
    }

    private func replyWasSent(_ context: ChannelHandlerContext) {
        let wasLast = closesAfterReply
        inFlight -= 1
        if let (status, detail) = pendingRefusal, inFlight == 0, !wasLast {
            pendingRefusal = nil
            refuse(context, status, detail)
        } else if wasLast {
            isEnding = true
            linger(context)
        } else if inFlight == 0 {
            activity.enter(.idle)
        }
    }

    /// Ends the stream, then drops what still comes until the client closes, or has had its time.
    private func linger(_ context: ChannelHandlerContext) {
        isLingering = true
        activity.enter(.linger)
        guard !inputHasClosed else { return context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        context.read()
    }

    /// Whether a client wants no further reply, or the parser will read no further request: it stops where a client
    /// offers another protocol.
    private static func isLast(_ head: HTTPRequestHead) -> Bool {
        head.version != .http1_1 || head.method == .CONNECT || head.headers.contains(name: "upgrade")
            || head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "close" }
    }

    private static func fault(of head: HTTPRequestHead) -> String? {
        let lengths = head.headers[canonicalForm: "content-length"]
        let codings = head.headers[canonicalForm: "transfer-encoding"]
        if lengths.count > 1 { return "Content-Length is given more than once." }
        if let length = lengths.first, Int64(length) == nil { return "Content-Length is no number of bytes." }
        if !codings.isEmpty {
            if !lengths.isEmpty { return "Content-Length and Transfer-Encoding exclude each other." }
            if codings.count > 1 || codings[0].lowercased() != "chunked" { return "Only the chunked coding is known." }
            if head.version != .http1_1 { return "HTTP/1.0 knows no Transfer-Encoding." }
        }
        let hosts = head.headers["host"]
        if hosts.count > 1 || (hosts.isEmpty && head.version == .http1_1) { return "One Host field is needed." }
        return nil
    }
}

extension HTTPResponseHead {
    fileprivate var isInformational: Bool { (100..<200).contains(status.code) }
}
