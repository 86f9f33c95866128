internal import CustodeCore
internal import Synchronization

/// Lets a number of tasks through at a time; the others wait in line.
final class Limiter: Sendable {
    private struct State {
        var free: Int
        var line: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    /// Runs a body when it is its turn.
    ///
    /// One that was cancelled waits its turn too, and then finds out.
    func callAsFunction<T>(_ body: () async throws(BlobStoreError) -> T) async throws(BlobStoreError) -> T {
        await enter()
        defer { leave() }
        guard !Task.isCancelled else { throw .cancelled }
        return try await body()
    }

    private func enter() async {
        await withCheckedContinuation { continuation in
            let mayGo = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.line.append(continuation)
                return false
            }
            if mayGo { continuation.resume() }
        }
    }

    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.line.isEmpty else { return state.line.removeFirst() }
            state.free += 1
            return nil
        }
        next?.resume()
    }
}
