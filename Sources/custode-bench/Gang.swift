import Foundation
import Synchronization

/// Threads that block, started together: the client side and the baseline need more of them than there are
/// cores.
enum Gang {
    /// Runs `work` on `count` threads, each on what its own `prepare` returned.
    ///
    /// Nobody begins before all are prepared.
    ///
    /// - Returns: what each thread returned, and the time from the common start to the last end.
    static func run<State, Value: Sendable>(
        _ count: Int,
        prepare: @escaping @Sendable (_ index: Int) throws -> State,
        work: @escaping @Sendable (State) throws -> Value
    ) throws -> (values: [Value], elapsed: Duration) {
        let results = Results<Value>()
        let prepared = DispatchSemaphore(value: 0)
        let start = DispatchSemaphore(value: 0)
        let done = DispatchSemaphore(value: 0)
        for index in 0..<count {
            Thread.detachNewThread {
                let state = Result { try prepare(index) }
                prepared.signal()
                start.wait()
                let value = state.flatMap { state in Result { try work(state) } }
                results.list.withLock { $0.append(value) }
                done.signal()
            }
        }
        for _ in 0..<count { prepared.wait() }
        let begin = ContinuousClock.now
        for _ in 0..<count { start.signal() }
        for _ in 0..<count { done.wait() }
        let elapsed = ContinuousClock.now - begin
        return (try results.list.withLock { try $0.map { try $0.get() } }, elapsed)
    }

    private final class Results<Value: Sendable>: Sendable {
        let list = Mutex<[Result<Value, any Error>]>([])
    }
}
