/// Where the HTTP surface counts what it does.
public protocol RequestMetrics: Sendable {
    /// Counts a finished request.
    ///
    /// - Parameters:
    ///   - route: The path with names for what varies; never a token or an id.
    ///   - received: Bytes of the request's body that were read.
    ///   - sent: Bytes of the reply's content that were sent.
    func record(route: String, method: String, status: Int, duration: Duration, received: Int64, sent: Int64)
}
