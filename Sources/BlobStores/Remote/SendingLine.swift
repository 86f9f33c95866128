internal import CustodeCore
internal import Synchronization

/// Parts of one upload that are on their way, in their order, whatever order they arrive in.
final class SendingLine<Mark: Sendable, Sent: Sendable>: Sendable {
    private struct Item {
        let mark: Mark
        let task: Task<Sent, any Error>
    }

    private let items = Mutex<[Item]>([])

    /// How many are on their way.
    var count: Int { items.withLock { $0.count } }

    /// The one that was begun last.
    var last: Task<Sent, any Error>? { items.withLock { $0.last?.task } }

    /// Begins another.
    func begin(_ mark: Mark, _ send: @escaping @Sendable () async throws -> Sent) {
        // Not adrift: the line holds it, which the upload's next write or seal awaits, and its end cancels and awaits.
        let task = Task { try await send() }
        items.withLock { $0.append(Item(mark: mark, task: task)) }
    }

    /// Waits for the one that has been on its way the longest; `nil` if there is none.
    ///
    /// - Parameter failed: Told the mark of one that failed.
    func next(failed: (Mark) -> Void = { _ in }) async throws(BlobStoreError) -> (mark: Mark, sent: Sent)? {
        guard let oldest = items.withLock({ $0.first }) else { return nil }
        let result = await withTaskCancellationHandler {
            await oldest.task.result
        } onCancel: {
            oldest.task.cancel()
        }
        items.withLock { items in
            if items.first?.task == oldest.task { items.removeFirst() }
        }
        switch result {
        case .success(let sent): return (oldest.mark, sent)
        case .failure(let error):
            failed(oldest.mark)
            throw error as? BlobStoreError ?? .cancelled
        }
    }

    /// Ends all; returns the marks of those that were on their way.
    ///
    /// - Parameter patience: How long they may still take, before they are cancelled.
    @discardableResult
    func end(patience: Duration = .zero) async -> [Mark] {
        let left = items.withLock { items in
            defer { items = [] }
            return items
        }
        guard !left.isEmpty else { return [] }
        // Even for a task that was cancelled itself, whose own sleep would end at once.
        await uninterrupted {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    if patience > .zero { try? await Task.sleep(for: patience) }
                    for item in left { item.task.cancel() }
                }
                for item in left { _ = await item.task.result }
                group.cancelAll()
            }
        }
        return left.map(\.mark)
    }
}
