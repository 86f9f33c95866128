/// Sees the requests of a client go out and their replies begin.
public protocol FetchObserver: Sendable {
    /// Fields that a request is to carry besides its own, such as that by which a trace goes on.
    func fields() -> [(name: String, value: String)]

    /// A reply has begun, or will never.
    ///
    /// - Parameters:
    ///   - status: Its status; `nil` if none came.
    ///   - duration: From when the request was handed over.
    func finished(_ method: String, status: Int?, after duration: Duration)
}
