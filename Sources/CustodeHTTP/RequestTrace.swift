internal import HTTPTypes
internal import Tracing

/// The part of a trace that one request is.
struct RequestTrace {
    private static let field = HTTPField.Name("traceparent")

    private let span: any Span

    /// Goes on with the trace that a request names, or begins one.
    ///
    /// - Parameter always: Whether one is to begin where none is named.
    /// - Returns: `nil` where nobody asks for one.
    init?(_ fields: HTTPFields, always: Bool) {
        guard let name = Self.field, always || fields[name] != nil else { return nil }
        var context = ServiceContext.topLevel
        InstrumentationSystem.instrument.extract(fields, into: &context, using: FieldExtractor())
        span = InstrumentationSystem.tracer.startSpan("request", context: context, ofKind: .server)
    }

    /// What is carried on, for whoever looks the trace up by it.
    var id: String? {
        var carrier: [String: String] = [:]
        InstrumentationSystem.instrument.inject(span.context, into: &carrier, using: DictionaryInjector())
        let parts = carrier["traceparent"]?.split(separator: "-") ?? []
        return parts.count == 4 ? String(parts[1]) : nil
    }

    /// Has what is done belong to the request.
    func around<T>(_ work: () async throws -> T) async rethrows -> T {
        try await ServiceContext.$current.withValue(span.context) { try await work() }
    }

    /// Ends with the request.
    func end(_ route: String, status: Int) {
        span.operationName = route
        span.attributes["status"] = status
        if status >= 500 { span.setStatus(SpanStatus(code: .error)) }
        span.end()
    }

    private struct FieldExtractor: Extractor {
        func extract(key: String, from carrier: HTTPFields) -> String? {
            // Of several, none (W3C Trace Context §3.2.2).
            guard let name = HTTPField.Name(key) else { return nil }
            let values = carrier[values: name]
            return values.count == 1 ? values[0] : nil
        }
    }

    private struct DictionaryInjector: Injector {
        func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
    }
}
