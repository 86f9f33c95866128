internal import CustodeCore
internal import HTTPFetch

/// Sends again what failed in passing, where that is safe: after a pause that doubles and is drawn at random.
///
/// A decorator: it sends through another sender.
struct RetryingS3: S3Sending {
    /// How often a request is sent at most.
    static let attempts = 4
    private static let firstPause = 0.1
    private static let longestPause = 5.0

    let inner: any S3Sending
    let random: any RandomSource
    /// Waits; tests need not.
    let pause: @Sendable (Duration) async throws -> Void

    init(
        _ inner: any S3Sending, random: any RandomSource,
        pause: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.inner = inner
        self.random = random
        self.pause = pause
    }

    func send(_ request: S3Request) async throws(S3Error) -> FetchResponse {
        var attempt = 1
        while true {
            do throws(S3Error) {
                return try await inner.send(request)
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
            }
        }
    }

    private func pauseAfter(_ attempt: Int, _ asked: Int?) -> Duration {
        let bound = min(Self.longestPause, Self.firstPause * Double(1 << attempt))
        let share = Double(random.bytes(1)[0]) / 255
        let least = min(Self.longestPause, Double(asked ?? 0))
        return .milliseconds(Int((least + bound * share) * 1_000))
    }
}
