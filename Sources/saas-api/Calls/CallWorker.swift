import Logging
import ServiceLifecycle
import Synchronization

/// Takes jobs whose input has arrived and has them done, several at a time, until it is told to stop.
struct CallWorker: Service {
    private static let poll = Duration.milliseconds(500)
    private static let beat = CallQueue.lease / 3

    let queue: CallQueue
    let endpoint: TechnicalEndpoint
    let atOnce: Int
    let logger: Logger

    func run() async throws {
        let free = Free(atOnce)
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
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

    private func work(_ call: Call) async {
        let outcome = await withTaskGroup(of: CallOutcome?.self) { group in
            group.addTask { await endpoint.make(call) }
            group.addTask {
                // Whose job went, or was taken over, has nothing more to wait for.
                while !Task.isCancelled, await keeps(call) { try? await Task.sleep(for: Self.beat) }
                return .void
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        await conclude(call, Task.isCancelled ? nil : outcome)
    }

    private func keeps(_ call: Call) async -> Bool {
        do {
            return try await queue.renew(call)
        } catch {
            // The database may be back before the lease is over.
            return !Task.isCancelled
        }
    }

    /// Writes down how it ended; in a shutdown, that it was not to be.
    private func conclude(_ call: Call, _ outcome: CallOutcome?) async {
        // Not cancelled with the rest: what is known must be written down.
        let recording = Task {
            if let outcome { try await queue.record(outcome, of: call) } else { try await queue.giveBack(call) }
        }
        do {
            try await recording.value
        } catch {
            logger.error("job \(call.job): how its call ended cannot be recorded, so it is made again: \(error)")
        }
        logger.notice(
            "call",
            metadata: [
                "job": "\(call.job)", "attempt": "\(call.attempt)",
                "outcome": "\(outcome.map { "\($0)" } ?? "given back")",
            ])
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
