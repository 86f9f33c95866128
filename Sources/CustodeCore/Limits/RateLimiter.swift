internal import Synchronization

/// Says how often each of many may do something: so many a second, and a burst before that counts.
///
/// The generic cell rate algorithm: of each of them one moment is remembered, up to which it has used up its share. Those
/// that have used up nothing are forgotten, so that its size goes by who comes, not by who ever came.
public final class RateLimiter<Name: Hashable & Sendable>: Sendable {
    private struct State {
        /// For each the moment up to which its share is used.
        var used: [Name: ContinuousClock.Instant] = [:]
        var nextSweep = RateLimiter.smallestSweep
    }

    private static var smallestSweep: Int { 1_024 }

    private let perSecond: Double
    private let burst: Double
    private let state = Mutex(State())

    /// A limiter by one rate, of none of whom anything is used up.
    ///
    /// - Parameters:
    ///   - perSecond: How many a second, in the long run; 0 is without a limit.
    ///   - burst: How many at once, after a rest; one at least.
    public init(perSecond: Double, burst: Double) {
        self.perSecond = perSecond
        self.burst = max(1, burst)
    }

    /// Takes a number for somebody, if there is as much left, and none otherwise.
    ///
    /// More than a burst is given to whoever has used up nothing, and counts in full.
    /// - Returns: How long to wait until there is; `nil` if they were taken.
    public func take(_ count: Int = 1, for name: Name, now: ContinuousClock.Instant) -> Duration? {
        guard perSecond > 0, count > 0 else { return nil }
        let cost = Duration.seconds(Double(count) / perSecond)
        let room = Duration.seconds(burst / perSecond)
        return state.withLock { state in
            let used = max(state.used[name] ?? now, now)
            let wait = used.advanced(by: min(cost, room)) - now.advanced(by: room)
            guard wait <= .zero else { return wait }
            state.used[name] = used.advanced(by: cost)
            sweep(&state, now)
            return nil
        }
    }

    private func sweep(_ state: inout State, _ now: ContinuousClock.Instant) {
        guard state.used.count >= state.nextSweep else { return }
        state.used = state.used.filter { $0.value > now }
        state.nextSweep = max(Self.smallestSweep, state.used.count * 2)
    }

    /// How many are remembered.
    var count: Int { state.withLock { $0.used.count } }
}
