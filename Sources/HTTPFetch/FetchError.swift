/// Why a request has no reply, or its body no end.
public struct FetchError: Error, Sendable, Equatable {
    /// What kind of failure it was.
    public enum Code: Sendable, Equatable {
        /// The caller gave up.
        case cancelled
        /// No connection came about: the server has seen nothing of the request.
        case cannotConnect
        /// The server could not prove who it is by its certificate: it has seen nothing of the request.
        case untrusted
        /// The server was silent for longer than it may be; it may have seen the request.
        case timedOut
        /// The connection broke, or carried what is not HTTP; the server may have seen the request.
        case broken
        /// The body is larger than the caller takes.
        case tooLarge
        /// The request's own body could not be read.
        case unreadableBody
        /// The URL or a header field is not one.
        case malformed
        /// The fetcher was shut down, or never came up.
        case stopped
    }

    /// What kind of failure it was.
    public let code: Code
    /// For operators; never a URL's query or a header field.
    public let message: String

    /// A failure.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
