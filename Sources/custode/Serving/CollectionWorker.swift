import CustodeCore
import Logging
import PostgresCatalog
import ServiceLifecycle
import Synchronization

/// Collects, in the service, what the outbox tells of: the continuous one of collection's two producers.
///
/// Any number of services may do so beside one another, and beside `custode gc`.
final class CollectionWorker: Service {
    let drain: DrainOutbox
    let catalog: PostgresCollection
    let timing: @Sendable () -> OutboxTiming
    let poll: Duration
    let metrics: ServiceMetrics
    let logger: Logger

    private let trouble = Mutex<String?>(nil)

    init(
        drain: DrainOutbox, catalog: PostgresCollection, poll: Duration, metrics: ServiceMetrics, logger: Logger,
        timing: @escaping @Sendable () -> OutboxTiming
    ) {
        self.drain = drain
        self.catalog = catalog
        self.timing = timing
        self.poll = poll
        self.metrics = metrics
        self.logger = logger
    }

    /// Looks now and then until the service stops; what was begun is finished.
    func run() async throws {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            let mayBeMore = await visit()
            await tell()
            guard !mayBeMore else { continue }
            try? await cancelWhenGracefulShutdown { [poll] in try await ContinuousClock().sleep(for: poll) }
        }
    }

    /// Whether there may be more to do at once.
    private func visit() async -> Bool {
        do {
            guard let report = try await drain.visit() else {
                note(nil, brake: nil)
                return false
            }
            note(nil, brake: nil)
            metrics.noteCollected(report)
            if report.quarantined + report.failed > 0 {
                logger.info(
                    "collected",
                    metadata: [
                        "run": "\(report.runID)", "quarantined": "\(report.quarantined)",
                        "bytes": "\(report.bytesQuarantined)", "failed": "\(report.failed)",
                    ])
            }
            return report.quarantined > 0
        } catch let held as BrakeHeld {
            note("collection is held by the brake \(held.brake.rawValue): \(held.sentence)", brake: held.brake)
        } catch {
            note("collection will be tried again: \(error)", brake: nil)
        }
        return false
    }

    private func tell() async {
        guard let state = try? await catalog.outbox(timing()) else { return }
        metrics.noteOutbox(state)
        if let sweep = try? await catalog.lastSweep() { metrics.noteSweep(sweep) }
    }

    /// Says what is wrong once, rather than each time that it is still so.
    private func note(_ text: String?, brake: Brake?) {
        metrics.noteBrake(brake)
        let isNew = trouble.withLock { trouble in
            defer { trouble = text }
            return trouble != text
        }
        guard isNew else { return }
        if let text { logger.error("\(text)") } else { logger.debug("collection is fit to work") }
    }
}
