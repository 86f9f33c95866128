/// Waits until a condition holds, looking every 20 ms, and says whether it came to hold in time.
public func eventually(
    within limit: Duration = .seconds(10), _ condition: @Sendable () async throws -> Bool
) async throws -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
        if try await condition() { return true }
        if clock.now >= end { return false }
        try await clock.sleep(for: .milliseconds(20))
    }
}
