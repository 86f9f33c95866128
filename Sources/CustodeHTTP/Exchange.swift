internal import CustodeCore
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTPTypes
internal import Synchronization

/// Says once that a body is to end, and knows whether more of it is coming in.
private final class StopSignal: Sendable {
    private static let tick = TimeAmount.milliseconds(20)
    /// How long what is on its way may take to come in.
    private static let mostTicks = 12

    private let flag = Atomic(false)
    private let pieces = Atomic(0)

    var isSet: Bool { flag.load(ordering: .acquiring) }

    func notePiece() { pieces.add(1, ordering: .relaxed) }

    /// Closes a connection once nothing more comes in: what has arrived already is not thrown away.
    func stop(_ channel: any Channel) {
        guard !flag.exchange(true, ordering: .acquiringAndReleasing) else { return }
        closeWhenQuiet(channel, after: pieces.load(ordering: .relaxed), ticks: Self.mostTicks)
    }

    private func closeWhenQuiet(_ channel: any Channel, after count: Int, ticks: Int) {
        channel.eventLoop.scheduleTask(in: Self.tick) {
            let now = self.pieces.load(ordering: .relaxed)
            guard now != count, ticks > 0 else { return channel.close(promise: nil) }
            self.closeWhenQuiet(channel, after: now, ticks: ticks - 1)
        }
    }
}

/// One request and the reply to it.
///
/// Used by the one task that handles the request, on the connection's event loop.
final class Exchange {
    let request: Request
    let target: RequestTarget
    /// Tells this request from every other, to client and operator alike.
    let id: String
    let channel: any Channel
    let start = ContinuousClock.now
    var route: Route?
    /// The protocol of resumable uploads that the client speaks, if it does.
    var dialect: UploadDialect?
    /// What is to be done; the request's own method, unless it names another where that is honoured.
    var method: HTTPRequest.Method
    /// The announced length of the body; `nil` if it comes in chunks, or there is none.
    let contentLength: Int64?
    // Asked for several times in each request.
    private let hasBody: Bool
    private let stopSignal = StopSignal()
    /// What the log line shall say besides; `nil` where no line will be written.
    private(set) var facts: Logger.Metadata?
    /// What it did, if that is for the record.
    private(set) var event: AuditEvent?
    /// How many bytes of the body were read.
    private(set) var received: Int64 = 0
    private var bodyHasEnded = false
    private let metrics: (any RequestMetrics)?
    private let transfers: TransferBound?
    /// Which way an object goes by it, if one does.
    private var transfer: TransferDirection?
    /// What the body takes of its user's bytes.
    var allowance: DailyBytes.Allowance?

    /// - Parameter notesFacts: Whether somebody will want to know more of it than the reply tells.
    init(
        request: Request, channel: any Channel, id: String, notesFacts: Bool = false,
        metrics: (any RequestMetrics)? = nil, transfers: TransferBound? = nil
    ) {
        self.metrics = metrics
        self.transfers = transfers
        facts = notesFacts ? [:] : nil
        self.request = request
        contentLength = request.headers[.contentLength].flatMap { Int64($0) }
        hasBody = (contentLength ?? 0) > 0 || request.headers[.transferEncoding] != nil
        method = request.method
        self.channel = channel
        self.id = id
        target = RequestTarget(request.uri.string)
    }

    /// Takes `X-HTTP-Method-Override` for the method, for clients that can send only a few.
    func overrideMethod() {
        guard let text = request.headers[.methodOverride], let method = HTTPRequest.Method(rawValue: text) else {
            return
        }
        self.method = method
    }

    /// Whether bytes of the body are still to come.
    var hasUnreadBody: Bool { hasBody && !bodyHasEnded }

    /// Has an object go by this request, if one more may be on its way.
    ///
    /// - Throws: ``Refusal/unavailable(_:)``.
    func beginTransfer(_ direction: TransferDirection) throws(Refusal) {
        guard transfer == nil else { return }
        guard transfers?.enter() != false else { throw .unavailable(.service) }
        transfer = direction
        metrics?.transfers(direction, changeBy: 1)
    }

    /// The object has gone, or will not.
    func endTransfer() {
        guard let transfer else { return }
        self.transfer = nil
        transfers?.leave()
        metrics?.transfers(transfer, changeBy: -1)
    }

    /// The body, which is an object's, or a part of it.
    func body() async throws -> CountedBody {
        try beginTransfer(.uploads)
        return try await invitedBody()
    }

    /// The body, after a client that waits for leave to send it was given it (RFC 9110 §10.1.1).
    private func invitedBody() async throws -> CountedBody {
        if hasBody, let expectation = request.headers[.expect] {
            guard expectation.lowercased() == "100-continue" else {
                throw Refusal.badRequest("Only 100-continue can be expected of this service.")
            }
            try await inform(.continue)
        }
        return CountedBody(exchange: self)
    }

    /// The whole body, which must be small.
    func smallBody(limit: Int) async throws -> ByteBuffer {
        if let contentLength, contentLength > limit { throw Refusal.tooLarge(limit: Int64(limit)) }
        var whole = ByteBuffer()
        var iterator = try await invitedBody().makeAsyncIterator()
        while let piece = try await iterator.next(isolation: nil) {
            guard whole.readableBytes + piece.readableBytes <= limit else {
                throw Refusal.tooLarge(limit: Int64(limit))
            }
            whole.writeImmutableBuffer(piece)
        }
        return whole
    }

    /// Ends the body from elsewhere, and with it the connection: whoever reads it sees it broken off.
    var stop: @Sendable () -> Void {
        let channel = channel
        let signal = stopSignal
        return { signal.stop(channel) }
    }

    /// Whether a body that brings nothing more lacks its end; one that was to be ended may have come whole before it was.
    private var isCutOff: Bool {
        if let contentLength { return received < contentLength }
        return stopSignal.isSet && !channel.isActive
    }

    /// Tells the client something before the reply (RFC 9110 §15.2).
    ///
    /// - Throws: ``BodyEndedEarly`` if it has gone: what is still to come of the body will not.
    func inform(_ status: HTTPResponse.Status, _ fields: HTTPFields = [:]) async throws {
        do {
            try await channel.writeAndFlush(HTTPResponsePart.head(HTTPResponse(status: status, headerFields: fields)))
        } catch {
            throw BodyEndedEarly()
        }
    }

    /// Notes something for the log line; a token or a secret never.
    func note(_ name: String, _ value: @autoclosure () -> String) {
        guard facts != nil else { return }
        facts?[name] = .string(value())
    }

    /// Notes what it did, for the record.
    func note(_ event: AuditEvent) { self.event = event }

    func logger(_ base: Logger) -> Logger {
        var logger = base
        logger[metadataKey: "request"] = "\(id)"
        return logger
    }

    /// A body whose bytes are counted and whose end is noticed.
    struct CountedBody: AsyncSequence {
        typealias Element = ByteBuffer
        typealias Failure = any Error

        fileprivate let exchange: Exchange

        func makeAsyncIterator() -> Iterator {
            Iterator(exchange: exchange, source: exchange.request.body.makeAsyncIterator())
        }

        struct Iterator: AsyncIteratorProtocol {
            typealias Element = ByteBuffer
            typealias Failure = any Error

            fileprivate let exchange: Exchange
            fileprivate var source: RequestBody.AsyncIterator

            mutating func next() async throws -> ByteBuffer? {
                guard exchange.hasUnreadBody else { return nil }
                let next: ByteBuffer?
                do {
                    next = try await source.next()
                } catch  where error is IOError || error is ChannelError {
                    // A connection that fails has ended, whatever the system calls it.
                    throw BodyEndedEarly()
                }
                guard let piece = next else {
                    guard !exchange.isCutOff else { throw BodyEndedEarly() }
                    exchange.bodyHasEnded = true
                    return nil
                }
                exchange.received += Int64(piece.readableBytes)
                try exchange.allowance?.take(piece.readableBytes)
                exchange.stopSignal.notePiece()
                return piece
            }
        }
    }
}
