internal import CustodeCore
internal import Tracing

extension PostgresCatalog {
    /// Tells a trace, where there is one, how long the database took.
    func traced<T>(
        _ name: String, _ work: () async throws(CatalogError) -> T
    ) async throws(CatalogError) -> T {
        guard let context = ServiceContext.current else { return try await work() }
        let span = InstrumentationSystem.tracer.startSpan("postgres \(name)", context: context, ofKind: .client)
        defer { span.end() }
        do throws(CatalogError) {
            return try await work()
        } catch {
            span.recordError(error)
            throw error
        }
    }
}
