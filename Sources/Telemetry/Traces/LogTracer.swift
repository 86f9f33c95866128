public import Logging
public import Tracing

/// Takes traces on from `traceparent` to `traceparent`, and writes their spans into the log.
///
/// A span is a line at the level debug; where that is not written, spans still have ids, by which those that others record
/// hang together.
public struct LogTracer: Tracer {
    private let logger: Logger

    /// A tracer that writes to a log.
    public init(logger: Logger) { self.logger = logger }

    /// Begins a span, of the context's trace or of a new one.
    public func startSpan<Instant: TracerInstant>(
        _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
        at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
    ) -> LogSpan {
        LogSpan(operationName, in: context(), logger)
    }

    /// Nothing waits to be written.
    public func forceFlush() {}

    /// Reads where a trace came from.
    public func extract<Carrier, Extract: Extractor>(
        _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
    ) where Extract.Carrier == Carrier {
        context.traceParent = extractor.extract(key: TraceParent.field, from: carrier).flatMap(TraceParent.init)
    }

    /// Writes where a trace goes on from.
    public func inject<Carrier, Inject: Injector>(
        _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
    ) where Inject.Carrier == Carrier {
        guard let parent = context.traceParent else { return }
        injector.inject(parent.text, forKey: TraceParent.field, into: &carrier)
    }
}

extension ServiceContext {
    private enum Key: ServiceContextKey {
        typealias Value = TraceParent
        static let nameOverride: String? = TraceParent.field
    }

    /// The span that things happen in.
    public internal(set) var traceParent: TraceParent? {
        get { self[Key.self] }
        set { self[Key.self] = newValue }
    }
}
