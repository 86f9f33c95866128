/// How often each caller may come, by the policy.
public struct CallerLimits: Sendable {
    private struct Kind<Name: Hashable & Sendable>: Sendable {
        let requests: RateLimiter<Name>
        let links: RateLimiter<Name>

        init(_ rate: Policy.CallerRate) {
            requests = RateLimiter(perSecond: Double(rate.requestsPerSecond), burst: Double(rate.burst))
            links = RateLimiter(perSecond: Double(rate.linksPerMinute) / 60, burst: Double(rate.linksPerMinute))
        }

        func limiter(_ thing: Thing) -> RateLimiter<Name> {
            switch thing {
            case .requests: requests
            case .links: links
            }
        }
    }

    private enum Thing: String {
        case requests
        case links
    }

    private let serviceKeys: Kind<String>
    private let users: Kind<UserID>
    private let userTokens: Kind<UserID>
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
    public func countRequest(of principal: Principal) throws(Refusal) { try count(principal, 1, .requests) }

    /// Counts links that are to be minted.
    ///
    /// - Throws: ``Refusal/tooMany(_:retryAfter:)``.
    public func countLinks(_ count: Int, of principal: Principal) throws(Refusal) {
        try self.count(principal, count, .links)
    }

    private func count(_ principal: Principal, _ count: Int, _ thing: Thing) throws(Refusal) {
        let now = now()
        let user = principal.user
        guard let key = principal.serviceKey else {
            return try Self.check(userTokens.limiter(thing).take(count, for: user, now: now), thing, "this user")
        }
        // The user first: what one of them is refused must not use up what the key has for all.
        try Self.check(users.limiter(thing).take(count, for: user, now: now), thing, "this user")
        try Self.check(serviceKeys.limiter(thing).take(count, for: key, now: now), thing, "this key")
    }

    private static func check(_ wait: Duration?, _ thing: Thing, _ who: String) throws(Refusal) {
        guard let wait else { return }
        throw .tooMany(
            "There are too many \(thing.rawValue) of \(who); come again when Retry-After says.", retryAfter: wait)
    }
}
