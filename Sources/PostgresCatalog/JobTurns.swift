internal import CustodeCore
internal import Synchronization

/// Lets changes of one job into the database one at a time.
///
/// They would wait for the job's lock there in any case, and each would hold a connection while it does: many
/// at one job, whose row the SaaS may hold on to, would leave none for other jobs.
final class JobTurns: Sendable {
    private typealias Waiter = CheckedContinuation<CatalogError?, Never>

    private let waiting = Mutex<[String: [Waiter]]>([:])

    /// Runs a change when its turn has come.
    ///
    /// - Throws: What the change throws; and if one before it found the database unavailable, that, at once.
    func take<T: Sendable>(
        _ job: String, _ change: () async throws(CatalogError) -> T
    ) async throws(CatalogError) -> T {
        if let error = await turn(job) { throw error }
        do throws(CatalogError) {
            let result = try await change()
            pass(job)
            return result
        } catch {
            if case .unavailable = error { refuse(job, error) } else { pass(job) }
            throw error
        }
    }

    private func turn(_ job: String) async -> CatalogError? {
        await withCheckedContinuation { continuation in
            let isFree = waiting.withLock { waiting in
                guard waiting[job] == nil else {
                    waiting[job]?.append(continuation)
                    return false
                }
                waiting[job] = []
                return true
            }
            if isFree { continuation.resume(returning: nil) }
        }
    }

    private func pass(_ job: String) {
        let next = waiting.withLock { waiting -> Waiter? in
            guard let queue = waiting[job], let first = queue.first else {
                waiting[job] = nil
                return nil
            }
            waiting[job] = Array(queue.dropFirst())
            return first
        }
        next?.resume(returning: nil)
    }

    private func refuse(_ job: String, _ error: CatalogError) {
        for waiter in waiting.withLock({ $0.removeValue(forKey: job) }) ?? [] { waiter.resume(returning: error) }
    }
}
