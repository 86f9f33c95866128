internal import CustodeCore
internal import NIOPosix
internal import Tracing

extension NIOThreadPool {
    /// Runs blocking work on a thread of the pool; what has begun is not cut short by cancellation.
    ///
    /// A trace, where there is one, is told how long it took, the wait for a thread included.
    func perform<T: Sendable>(
        _ work: @escaping @Sendable () throws(BlobStoreError) -> T
    ) async throws(BlobStoreError) -> T {
        let span = ServiceContext.current.map {
            InstrumentationSystem.tracer.startSpan("bucket disk", context: $0, ofKind: .client)
        }
        defer { span?.end() }
        let result: Result<T, BlobStoreError> = await withCheckedContinuation { continuation in
            submit { state in
                guard case .active = state else {
                    continuation.resume(returning: .failure(.unavailable("the service is stopping")))
                    return
                }
                do throws(BlobStoreError) {
                    continuation.resume(returning: .success(try work()))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            }
        }
        return try result.get()
    }
}
