internal import HTTPFetch
internal import Tracing

/// Tells a trace, where there is one, how long the bucket took to answer, and the bucket which trace that is.
enum BucketSpan {
    static func around<Failure: Error>(
        _ request: FetchRequest, _ send: (FetchRequest) async throws(Failure) -> FetchResponse
    ) async throws(Failure) -> FetchResponse {
        guard let context = ServiceContext.current else { return try await send(request) }
        let span = InstrumentationSystem.tracer.startSpan("bucket \(request.method)", context: context, ofKind: .client)
        defer { span.end() }
        var request = request
        InstrumentationSystem.instrument.inject(span.context, into: &request.headers, using: FieldInjector())
        do throws(Failure) {
            let response = try await send(request)
            span.attributes["status"] = response.status
            return response
        } catch {
            span.recordError(error)
            throw error
        }
    }

    private struct FieldInjector: Injector {
        func inject(_ value: String, forKey key: String, into carrier: inout [(name: String, value: String)]) {
            carrier.append((key, value))
        }
    }
}
