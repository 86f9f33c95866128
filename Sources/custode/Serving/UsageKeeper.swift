import CustodeCore
import Logging
import ServiceLifecycle

/// Tells the database once a second how much users uploaded, and a last time when the service has stopped.
struct UsageKeeper: Service {
    private static let interval = Duration.seconds(1)

    let dailyBytes: DailyBytes
    let logger: Logger

    func run() async throws {
        var isTroubled = false
        // Its turn to stop comes behind the listeners'; what these received to the end is told as well.
        var isLast = false
        while !isLast, !Task.isCancelled {
            isLast = Task.isShuttingDownGracefully
            if !isLast {
                try? await cancelWhenGracefulShutdown { try await ContinuousClock().sleep(for: Self.interval) }
            }
            do {
                try await dailyBytes.flush()
                isTroubled = false
            } catch {
                if !isTroubled { logger.warning("what users uploaded is told to the database later: \(error)") }
                isTroubled = true
            }
        }
    }
}
