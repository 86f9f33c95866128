import Foundation

/// Runs blocking work on a thread of its own and suspends the caller until it is done.
///
/// The tests block in system calls a great deal; Swift's cooperative pool has two threads on a small machine
/// and must never wait in one. A thread for each call has no upper limit that a hundred clients at once could hit.
public func offPool<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
            continuation.resume(with: Result { try work() })
        }
    }
}
