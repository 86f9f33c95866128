import Logging
import PostgresClient
import ServiceLifecycle
import Synchronization

/// Takes jobs whose input has arrived and has them done, several at a time, until it is told to stop.
struct CallWorker: Service {
    private static let poll = Duration.milliseconds(500)
    private static let sweep = Duration.seconds(10)
    private static let beat = CallQueue.lease / 3
    /// For how long what is known of a call's end is tried to be written down: no longer than the lease.
    private static let patience = Duration.seconds(20)

    let queue: CallQueue
    let endpoint: TechnicalEndpoint
    let atOnce: Int
    let logger: Logger

    func run() async throws {
        let free = Free(atOnce)
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await sweep() }
                while !Task.isCancelled {
                    for call in await claim(free.count) {
                        free.take()
                        group.addTask {
                            await work(call)
                            free.giveBack()
                        }
                    }
                    try? await Task.sleep(for: Self.poll)
                }
            }
        }
    }

    private func claim(_ most: Int) async -> [Call] {
        guard most > 0 else { return [] }
        do {
            return try await queue.claim(most)
        } catch {
            if !Task.isCancelled { logger.error("jobs cannot be looked for: \(error)") }
            return []
        }
    }

    /// Ends, now and then, what nobody sends a file for.
    private func sweep() async {
        while !Task.isCancelled {
            do {
                try await queue.endForsaken()
            } catch {
                if !Task.isCancelled { logger.error("jobs without a file cannot be ended: \(error)") }
            }
            try? await Task.sleep(for: Self.sweep)
        }
    }

    private func work(_ call: Call) async {
        let outcome = await withTaskGroup(of: CallOutcome.self) { group in
            group.addTask { await endpoint.make(call) }
            group.addTask {
                // Whose job went, or was taken over, has nothing more to wait for.
                while !Task.isCancelled, await keeps(call) { try? await Task.sleep(for: Self.beat) }
                return Task.isCancelled ? .interrupted : .void
            }
            defer { group.cancelAll() }
            return await group.next() ?? .interrupted
        }
        // Not cancelled with the rest: what is known must be written down.
        await Task { await conclude(call, outcome) }.value
    }

    private func keeps(_ call: Call) async -> Bool {
        do {
            return try await queue.renew(call)
        } catch {
            // The database may be back before the lease is over.
            return !Task.isCancelled
        }
    }

    /// Closes what is open of a call that was the last, and writes down how it ended.
    private func conclude(_ call: Call, _ outcome: CallOutcome) async {
        logger.notice(
            "call", metadata: ["job": "\(call.job)", "attempt": "\(call.attempt)", "outcome": "\(outcome)"])
        let end = ContinuousClock.now + Self.patience
        while true {
            do {
                // Only who still has the job: what another writes by now is not this call's to end.
                if queue.isLast(outcome, of: call), try await queue.renew(call) {
                    try await endpoint.close(call, outcome)
                }
                return try await queue.record(outcome, of: call)
            } catch {
                guard ContinuousClock.now < end else {
                    return logger.error(
                        "job \(call.job): how its call ended cannot be recorded, so it is made again: \(error)")
                }
                logger.warning("job \(call.job): how its call ended cannot be recorded yet: \(error)")
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    /// How many more calls there may be.
    private final class Free: Sendable {
        private let state: Mutex<Int>

        init(_ count: Int) { state = Mutex(count) }

        var count: Int { state.withLock { $0 } }

        func take() { state.withLock { $0 -= 1 } }

        func giveBack() { state.withLock { $0 += 1 } }
    }
}
