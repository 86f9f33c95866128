internal import Logging
internal import Synchronization
public import Tracing

/// Something that takes a while; a line of the log when it ends.
public final class LogSpan: Span {
    private struct State {
        var name: String
        var attributes: SpanAttributes = [:]
        var failure: String?
        var hasEnded = false
    }

    /// What happens in it belongs to it.
    public let context: ServiceContext
    private let parent: String?
    private let logger: Logger
    private let start = ContinuousClock.now
    private let state: Mutex<State>

    init(_ name: String, in context: ServiceContext, _ logger: Logger) {
        let outer = context.traceParent
        var context = context
        context.traceParent = TraceParent(
            trace: outer?.trace ?? Self.hex(2), span: Self.hex(1), isSampled: outer?.isSampled ?? false)
        self.context = context
        self.logger = logger
        parent = outer?.span
        state = Mutex(State(name: name))
    }

    /// Whether its line will be written.
    public var isRecording: Bool { logger.logLevel <= .debug }

    /// What it is called.
    public var operationName: String {
        get { state.withLock { $0.name } }
        set { state.withLock { $0.name = newValue } }
    }

    /// What is known of it.
    public var attributes: SpanAttributes {
        get { state.withLock { $0.attributes } }
        set { state.withLock { $0.attributes = newValue } }
    }

    /// Notes that it failed.
    public func setStatus(_ status: SpanStatus) {
        guard status.code == .error else { return }
        state.withLock { $0.failure = $0.failure ?? status.message ?? "error" }
    }

    /// Notes what it failed of, by its kind: what an error says may be somebody's.
    public func recordError<Instant: TracerInstant>(
        _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
    ) {
        state.withLock { $0.failure = "\(type(of: error))" }
    }

    /// Not kept: a line has one moment.
    public func addEvent(_ event: SpanEvent) {}

    /// Not kept.
    public func addLink(_ link: SpanLink) {}

    /// Writes its line, once.
    public func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
        let ended = state.withLock { state in
            defer { state.hasEnded = true }
            return state.hasEnded ? nil : state
        }
        guard let ended, isRecording, let own = context.traceParent else { return }
        let elapsed = start.duration(to: .now) / .milliseconds(1)
        var facts: Logger.Metadata = [
            "name": "\(ended.name)", "trace": "\(own.trace)", "span": "\(own.span)",
            "ms": "\((elapsed * 1_000).rounded() / 1_000)",
        ]
        if let parent { facts["parent"] = "\(parent)" }
        if let failure = ended.failure { facts["failure"] = "\(failure)" }
        ended.attributes.forEach { name, value in facts[name] = .string(Self.text(value)) }
        logger.debug("span", metadata: facts)
    }

    private static func text(_ attribute: SpanAttribute) -> String {
        switch attribute {
        case .string(let text): text
        case .int32(let number): String(number)
        case .int64(let number): String(number)
        case .double(let number): String(number)
        case .bool(let isTrue): String(isTrue)
        default: "\(attribute)"
        }
    }

    /// So many times 16 random hex digits, of which not all are 0.
    private static func hex(_ words: Int) -> String {
        (0..<words).map { _ in
            let digits = String(UInt64.random(in: 1...UInt64.max), radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }
}
