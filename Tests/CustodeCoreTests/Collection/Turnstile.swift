import Synchronization

/// Lets tasks go one step at a time, in an order that a seed decides: every run with one seed is the same.
///
/// A task that is to crash gets no further than its step: it throws there, and at every step after.
final class Turnstile: Sendable {
    struct Crashed: Error {}

    @TaskLocal static var name = ""

    private struct State {
        var waiting: [String: CheckedContinuation<Void, any Error>] = [:]
        var running: Set<String> = []
        var crashed: Set<String> = []
        var controller: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Waits for the turn of the task's name.
    func step() async throws {
        let name = Turnstile.name
        try await withCheckedThrowingContinuation { continuation in
            let (controller, isCrashed) = state.withLock { state -> (CheckedContinuation<Void, Never>?, Bool) in
                if state.crashed.contains(name) { return (nil, true) }
                state.waiting[name] = continuation
                state.running.remove(name)
                return (state.running.isEmpty ? state.controller.take() : nil, false)
            }
            if isCrashed { continuation.resume(throwing: Crashed()) }
            controller?.resume()
        }
    }

    /// Whether the task of this name must not have any effect any more.
    var isCrashed: Bool { state.withLock { $0.crashed.contains(Turnstile.name) } }

    /// Runs tasks by their names to their ends.
    ///
    /// - Parameters:
    ///   - choose: Says, given the names of those who wait, whose turn it is, and whether that one crashes.
    ///   - after: Looks at the world after each step.
    func run(
        _ tasks: [(name: String, work: @Sendable () async -> Void)],
        choose: ([String]) -> (name: String, crashes: Bool), after: (String) -> Void
    ) async {
        await withTaskGroup { group in
            state.withLock { $0.running = Set(tasks.map(\.name)) }
            for task in tasks {
                group.addTask {
                    await Turnstile.$name.withValue(task.name) { await task.work() }
                    self.end(task.name)
                }
            }
            while true {
                await allWait()
                let names = state.withLock { $0.waiting.keys.sorted() }
                guard !names.isEmpty else { break }
                let (name, crashes) = choose(names)
                let continuation = state.withLock { state in
                    state.running.insert(name)
                    if crashes { state.crashed.insert(name) }
                    return state.waiting.removeValue(forKey: name)
                }
                if crashes { continuation?.resume(throwing: Crashed()) } else { continuation?.resume() }
                await allWait()
                after(name)
            }
        }
    }

    private func end(_ name: String) {
        let controller = state.withLock { state in
            state.running.remove(name)
            return state.running.isEmpty ? state.controller.take() : nil
        }
        controller?.resume()
    }

    private func allWait() async {
        await withCheckedContinuation { continuation in
            let isReady = state.withLock { state in
                guard !state.running.isEmpty else { return true }
                state.controller = continuation
                return false
            }
            if isReady { continuation.resume() }
        }
    }
}
