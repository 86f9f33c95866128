internal import NIOCore

/// What a connection is doing, shared by its two handlers on their event loop.
final class ConnectionActivity {
    /// What is waited for.
    enum Phase {
        /// The first byte of a request.
        case idle
        /// The rest of a request's head.
        case head
        /// A request's body.
        case body
        /// The service's reply, or the client's taking it.
        case reply
        /// The client's closing.
        case linger
    }

    /// Where bytes that are ready for the wire enter the pipeline.
    var outlet: ChannelHandlerContext?

    private(set) var phase = Phase.idle
    private(set) var since = NIODeadline.now()

    func enter(_ phase: Phase) {
        guard phase != self.phase else { return }
        self.phase = phase
        since = .now()
    }
}

/// A client took too long.
enum ConnectionTimeout: Error {
    /// To send a request's head.
    case head
    /// To send a request's body.
    case body
}
