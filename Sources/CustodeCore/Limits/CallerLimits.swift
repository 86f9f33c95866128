/// How often each caller may come, by the policy.
public struct CallerLimits: Sendable {
    private struct Kind: Sendable {
        let requests: RateLimiter
        let links: RateLimiter

        init(_ rate: Policy.CallerRate) {
            requests = RateLimiter(
                RateLimiter.Rate(perSecond: Double(rate.requestsPerSecond), burst: Double(rate.burst)))
            links = RateLimiter(
                RateLimiter.Rate(perSecond: Double(rate.linksPerMinute) / 60, burst: Double(rate.linksPerMinute)))
        }
    }

    private let serviceKeys: Kind
    private let users: Kind
    private let userTokens: Kind
    private let now: @Sendable () -> ContinuousClock.Instant

    /// Limits of a process's own: each replica has such.
    public init(_ rates: Policy.Rates, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }) {
        serviceKeys = Kind(rates.serviceKey)
        users = Kind(rates.user)
        userTokens = Kind(rates.userToken)
        self.now = now
    }

    /// Counts a request.
    ///
    /// - Throws: ``Refusal/tooMany(_:retryAfter:)``.
    public func countRequest(of principal: Principal) throws(Refusal) {
        try count(principal, 1, \.requests, "requests")
    }

    /// Counts links that are to be minted.
    ///
    /// - Throws: ``Refusal/tooMany(_:retryAfter:)``.
    public func countLinks(_ count: Int, of principal: Principal) throws(Refusal) {
        try self.count(principal, count, \.links, "links")
    }

    private func count(
        _ principal: Principal, _ count: Int, _ limiter: KeyPath<Kind, RateLimiter>, _ what: String
    ) throws(Refusal) {
        let now = now()
        let user = principal.user.text
        guard let key = principal.serviceKey else {
            return try Self.check(userTokens[keyPath: limiter].take(count, for: user, now: now), what, "this user")
        }
        try Self.check(serviceKeys[keyPath: limiter].take(count, for: key, now: now), what, "this key")
        try Self.check(users[keyPath: limiter].take(count, for: user, now: now), what, "this user")
    }

    private static func check(_ wait: Duration?, _ what: String, _ who: String) throws(Refusal) {
        guard let wait else { return }
        throw .tooMany("There are too many \(what) of \(who); come again when Retry-After says.", retryAfter: wait)
    }
}
