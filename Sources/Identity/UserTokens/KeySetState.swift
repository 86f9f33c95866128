/// What is known of an issuer's keys, and when they are to be asked for anew: decided here, done by ``KeySetSource``.
struct KeySetState {
    /// For how long a set is good.
    static let lifetime = Duration.seconds(600)
    /// For how long a set serves while no newer one can be had.
    static let staleness = Duration.seconds(24 * 3_600)
    /// How far apart two fetches are that unknown keys or bad signatures cause: garbage must not use up what the issuer
    /// allows.
    static let demandsApart = Duration.seconds(30)
    /// After how long a fetch that failed is tried again for the first time; then after twice as long each time.
    static let firstRetry = Duration.seconds(1)
    /// How long it takes at most until it is tried again, while nobody waits for it, and while somebody does.
    static let longestRetry = (idle: Duration.seconds(30), wanted: Duration.seconds(5))

    private var keys: SigningKeys?
    private var fetched: ContinuousClock.Instant?
    private var lastDemand: ContinuousClock.Instant?
    private var lastFailure: ContinuousClock.Instant?
    private var failures = 0
    /// Whether the issuer is being asked.
    var isFetching = false

    /// What to do about a key that a token names.
    enum Answer {
        /// It is this one.
        case key(SigningKey)
        /// The issuer has none of this id.
        case unknown
        /// It may be a new one: ask the issuer, then look again.
        case ask
        /// It cannot be told: the issuer does not answer.
        case undecided
    }

    /// Looks for a key.
    ///
    /// - Parameter refuted: One of that id by which a signature was not verified: it may have been replaced.
    mutating func look(_ keyID: String, refuted: SigningKey?, now: ContinuousClock.Instant) -> Answer {
        let answer = answer(keyID, refuted: refuted, now: now)
        if case .key = answer { return answer }
        // Whoever comes while it is under way waits for it with the others.
        if isFetching { return .ask }
        guard current(now) != nil else {
            // Nothing to go by: each who asks may try, but not all the time.
            if let lastFailure, now - lastFailure < min(retry, Self.longestRetry.wanted) { return .undecided }
            return .ask
        }
        if let lastDemand, now - lastDemand < Self.demandsApart { return answer }
        lastDemand = now
        return .ask
    }

    /// What can be said without asking the issuer.
    func answer(_ keyID: String, refuted: SigningKey?, now: ContinuousClock.Instant) -> Answer {
        guard let current = current(now) else { return .undecided }
        if let key = current[keyID], key != refuted { return .key(key) }
        return failures > 0 && refuted == nil ? .undecided : .unknown
    }

    mutating func succeeded(_ keys: SigningKeys, now: ContinuousClock.Instant) {
        isFetching = false
        self.keys = keys
        fetched = now
        failures = 0
        lastFailure = nil
    }

    mutating func failed(now: ContinuousClock.Instant) {
        isFetching = false
        failures += 1
        lastFailure = now
    }

    /// When the issuer is to be asked though nobody wants a key; soon, if it had none: every token is refused meanwhile.
    var nextFetch: ContinuousClock.Instant {
        guard let lastFailure else {
            return fetched.map { $0 + (keys?.count == 0 ? Self.longestRetry.wanted : Self.lifetime) } ?? .now
        }
        return lastFailure + min(retry, Self.longestRetry.idle)
    }

    private var retry: Duration { Self.firstRetry * (1 << min(failures - 1, 10)) }

    private func current(_ now: ContinuousClock.Instant) -> SigningKeys? {
        guard let fetched, now - fetched < Self.staleness else { return nil }
        return keys
    }
}
