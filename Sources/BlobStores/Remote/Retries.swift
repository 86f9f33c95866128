internal import CustodeCore
internal import HTTPFetch

/// A request that may be sent again.
protocol SendableAgain: Sendable {
    /// Whether doing it twice is doing it once, so that it may be sent again when nobody can tell.
    var isRepeatable: Bool { get }
    /// Asked before it is sent again: once it says no, it is not.
    var mayGoOn: (@Sendable () -> Bool)? { get }
}

/// Sends again what failed in passing, where that is safe: after a pause that doubles and is drawn at random.
struct Retries: Sendable {
    /// How often a request is sent at most.
    static let attempts = 4
    private static let firstPause = 0.1
    private static let longestPause = 5.0

    let random: any RandomSource
    /// Told of each request that is sent again.
    var note: @Sendable () -> Void = {}
    /// Waits; tests need not.
    var pause: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }

    /// What the first attempt that succeeds returns; the error of the last one otherwise.
    func callAsFunction<Request: SendableAgain, Failure: SendingFailure>(
        _ request: Request, _ send: (Request) async throws(Failure) -> FetchResponse
    ) async throws(Failure) -> FetchResponse {
        var attempt = 1
        while true {
            do throws(Failure) {
                return try await send(request)
            } catch {
                let isSafe = request.isRepeatable || !error.mayBeDone
                guard error.isPassing, isSafe, attempt < Self.attempts else { throw error }
                do {
                    try await pause(pauseAfter(attempt, error.retryAfter))
                } catch _ {
                    throw error
                }
                if let mayGoOn = request.mayGoOn, !mayGoOn() { throw error }
                attempt += 1
                note()
            }
        }
    }

    private func pauseAfter(_ attempt: Int, _ asked: Int?) -> Duration {
        let bound = min(Self.longestPause, Self.firstPause * Double(1 << attempt))
        let share = Double(random.bytes(1)[0]) / 255
        let least = min(Self.longestPause, Double(max(0, asked ?? 0)))
        return .milliseconds(Int((least + bound * share) * 1_000))
    }
}
