internal import CustodeCore
internal import Synchronization

/// Work that several may wait for at once, and that is done once for all of them.
final class Shared: Sendable {
    private typealias Work = Task<Result<Void, BlobStoreError>, Never>

    private let running = Mutex<[String: Work]>([:])

    /// Does the work of this name, or waits for the end of it where it is being done already.
    ///
    /// It goes on although who began it was cancelled, since others may wait for it.
    func once(
        _ name: String, _ work: @escaping @Sendable () async throws(BlobStoreError) -> Void
    ) async throws(BlobStoreError) {
        let task = running.withLock { running in
            if let known = running[name] { return known }
            // Not adrift: whoever comes awaits it.
            let task = Work {
                let result = await Result.of(work)
                self.running.withLock { $0[name] = nil }
                return result
            }
            running[name] = task
            return task
        }
        try await task.value.get()
    }
}
