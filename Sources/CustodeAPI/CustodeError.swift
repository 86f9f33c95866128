/// Why a call has no answer.
public enum CustodeError: Error, Sendable {
    /// The service refused it.
    case refused(CustodeProblem)
    /// The service does not answer, or its answer broke off: it may have done what it was asked.
    case away(String)
    /// What was sent or came is not what the API speaks of.
    case unreadable(String)

    /// Whether the same call may well succeed a little later.
    public var isPassing: Bool {
        switch self {
        case .refused(let problem): problem.status == 429 || problem.status >= 500
        case .away: true
        case .unreadable: false
        }
    }
}

/// What the service says of a refusal: `application/problem+json` (RFC 9457).
public struct CustodeProblem: Error, Sendable, Decodable {
    /// The kind: `urn:custode:<slug>`.
    public var type = "about:blank"
    /// The kind in words.
    public var title = ""
    /// The status code.
    public var status: Int
    /// What to do about it.
    public var detail: String?
    /// The request's id, by which the service's log has more.
    public var instance: String?
    /// How long the service wants to be left alone.
    public var retryAfter: Duration?

    /// A refusal that says no more than its status.
    public init(status: Int) { self.status = status }

    private enum CodingKeys: String, CodingKey { case type, title, status, detail, instance }
}
