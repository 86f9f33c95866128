/// Work that is done to its end although the task that wants it was cancelled: finding out what became of a request, and
/// clearing up.
///
/// The one place here with a task outside the structure: a cancelled task's own requests would end at once. It is awaited,
/// so it is never adrift.
func uninterrupted<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) async -> Value {
    await Task { await work() }.value
}

extension Result {
    /// The end of asynchronous work, whichever it was.
    static func of(_ work: () async throws(Failure) -> Success) async -> Self {
        do throws(Failure) {
            return .success(try await work())
        } catch {
            return .failure(error)
        }
    }
}
