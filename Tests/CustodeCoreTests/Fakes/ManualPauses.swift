import Synchronization

/// Pauses that end when they are told to; one at a time.
final class ManualPauses: Sendable {
    private struct State {
        var asked: [Duration] = []
        var waiting: CheckedContinuation<Void, any Error>?
    }

    /// How long what ought to happen next is waited for, in turns of the tasks.
    private static let patience = 10_000

    private let state = Mutex(State())

    /// How long those so far were to be.
    var asked: [Duration] { state.withLock(\.asked) }

    /// Waits for its end, or until the task is cancelled.
    func pause(_ duration: Duration) async throws {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isOver = state.withLock { state in
                    guard !Task.isCancelled else { return true }
                    state.asked.append(duration)
                    state.waiting = continuation
                    return false
                }
                if isOver { continuation.resume(throwing: CancellationError()) }
            }
        } onCancel: {
            state.withLock { $0.waiting.take() }?.resume(throwing: CancellationError())
        }
    }

    /// Waits until a pause is under way, or the task is cancelled, or for a while.
    func begun() async {
        for _ in 0..<Self.patience where !Task.isCancelled && state.withLock({ $0.waiting == nil }) {
            await Task.yield()
        }
    }

    /// Ends the pause under way, and waits for the next.
    func end() async {
        await begun()
        state.withLock { $0.waiting.take() }?.resume()
        await begun()
    }
}
