/// Where the HTTP surface counts what it does.
public protocol RequestMetrics: Sendable {
    /// Counts a finished request.
    func record(_ request: FinishedRequest)

    /// Counts links that were made.
    func minted(_ count: Int, operation: String)

    /// Counts bodies that begin or end: so many more, or fewer, are under way.
    func transfers(_ direction: TransferDirection, changeBy change: Int)
}

/// Which way the bytes of objects go.
public enum TransferDirection: String, Sendable {
    /// To the service.
    case uploads
    /// To a client.
    case downloads
}

/// What is counted of a request.
public struct FinishedRequest: Sendable {
    /// The path with names for what varies; never a token or an id.
    public let route: String
    /// The method.
    public let method: String
    /// The reply's status.
    public let status: Int
    /// Why it is not what was asked for: the last part of the problem's type.
    public let reason: String?
    /// From the request's head to the end of the reply.
    public let duration: Duration
    /// Bytes of the request's body that were read.
    public let received: Int64
    /// Bytes of the reply's content that were sent.
    public let sent: Int64
}
