internal import HTTPFetch

/// Why a bucket's service did not do what a request asks.
protocol SendingFailure: Error, Equatable {
    /// The service's code, or one of ours.
    var code: String { get }
    /// Whether it may have been done all the same.
    var mayBeDone: Bool { get }
    /// Whether the same request may succeed a moment later.
    var isPassing: Bool { get }
    /// How long the service asks to be left alone, in seconds.
    var retryAfter: Int? { get }

    init(status: Int?, code: String, message: String, mayBeDone: Bool, isPassing: Bool)
}

extension SendingFailure {
    /// The code of a request whose caller gave up.
    static var cancelled: String { "Cancelled" }
    /// The code of a service that is not who it should be.
    static var untrusted: String { "Untrusted" }
    /// The code of a request without a reply.
    static var noReply: String { "NoReply" }

    /// No reply.
    init(_ error: FetchError) {
        let mayBeDone =
            switch error.code {
            case .cannotConnect, .untrusted, .malformed, .unreadableBody: false
            case .cancelled, .timedOut, .broken, .tooLarge, .stopped: true
            }
        let code =
            switch error.code {
            case .cancelled: Self.cancelled
            case .untrusted: Self.untrusted
            default: Self.noReply
            }
        self.init(
            status: nil, code: code, message: error.message, mayBeDone: mayBeDone,
            isPassing: [.cannotConnect, .timedOut, .broken].contains(error.code))
    }
}
