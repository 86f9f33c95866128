/// Sees the replies to a client's requests begin.
public protocol FetchObserver: Sendable {
    /// A reply has begun, or will never.
    ///
    /// - Parameters:
    ///   - status: Its status; `nil` if none came.
    ///   - duration: From when the request was handed over.
    func finished(_ method: String, status: Int?, after duration: Duration)
}
