import Testing

@testable import CustodeCore

@Suite("How often each of many may come")
struct RateLimiterTests {
    private static let start = ContinuousClock.now

    private static func limiter(_ perSecond: Double, _ burst: Double) -> RateLimiter<String> {
        RateLimiter(perSecond: perSecond, burst: burst)
    }

    @Test("a burst is given at once, then so many a second, and what is refused costs nothing")
    func burst() {
        let limiter = Self.limiter(2, 5)
        for _ in 0..<5 { #expect(limiter.take(for: "a", now: Self.start) == nil) }
        for _ in 0..<3 { #expect(limiter.take(for: "a", now: Self.start) == .milliseconds(500)) }
        #expect(limiter.take(for: "a", now: Self.start + .milliseconds(499)) == .milliseconds(1))
        #expect(limiter.take(for: "a", now: Self.start + .milliseconds(500)) == nil)
        #expect(limiter.take(for: "a", now: Self.start + .milliseconds(500)) != nil)
        for _ in 0..<5 { #expect(limiter.take(for: "a", now: Self.start + .seconds(10)) == nil, "rested") }
        #expect(
            limiter.take(for: "a", now: Self.start + .seconds(10)) != nil, "a rest is worth one burst, however long")
    }

    @Test("in the long run nobody gets more than so many a second and one burst")
    func longRun() {
        let limiter = Self.limiter(10, 20)
        var taken = 0
        for millisecond in 0..<60_000 where limiter.take(for: "a", now: Self.start + .milliseconds(millisecond)) == nil
        {
            taken += 1
        }
        #expect(taken == 20 + 600 - 1)
    }

    @Test("one's share is not another's")
    func apart() {
        let limiter = Self.limiter(1, 1)
        #expect(limiter.take(for: "a", now: Self.start) == nil)
        #expect(limiter.take(for: "b", now: Self.start) == nil)
        #expect(limiter.take(for: "a", now: Self.start) != nil)
    }

    @Test("more than a burst is given to whoever is rested, and counts in full")
    func larger() {
        let limiter = Self.limiter(10, 10)
        #expect(limiter.take(50, for: "a", now: Self.start) == nil)
        #expect(limiter.take(1, for: "a", now: Self.start) == .milliseconds(4_100))
        #expect(limiter.take(50, for: "a", now: Self.start) == .seconds(5))
        #expect(limiter.take(1, for: "b", now: Self.start) == nil)
        #expect(limiter.take(50, for: "b", now: Self.start) == .milliseconds(100))
    }

    @Test("nothing a second is no limit, and nothing costs nothing")
    func none() {
        let limiter = Self.limiter(0, 0)
        for _ in 0..<1_000 { #expect(limiter.take(1_000_000, for: "a", now: Self.start) == nil) }
        let one = Self.limiter(1, 1)
        for _ in 0..<3 { #expect(one.take(0, for: "a", now: Self.start) == nil) }
    }

    @Test("a million callers who came once are not remembered")
    func forgotten() {
        let limiter = Self.limiter(1, 1)
        for index in 0..<200_000 {
            #expect(limiter.take(for: "\(index)", now: Self.start + .milliseconds(index * 10)) == nil)
        }
        #expect(limiter.count < 2_048)
    }
}
