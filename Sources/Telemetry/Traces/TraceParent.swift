/// Where in a trace something happens, as `traceparent` tells it (W3C Trace Context §3.2).
public struct TraceParent: Sendable, Equatable {
    /// The field's name.
    public static let field = "traceparent"

    private static let sampled: UInt8 = 1

    /// The whole trace, 32 lower-case hex digits.
    public let trace: String
    /// The span in it, 16 lower-case hex digits.
    public let span: String
    /// Whether whoever began the trace records it.
    public let isSampled: Bool

    /// A span of a trace.
    public init(trace: String, span: String, isSampled: Bool) {
        self.trace = trace
        self.span = span
        self.isSampled = isSampled
    }

    /// Reads a field; `nil` for what the recommendation says is to be ignored.
    ///
    /// Of a version yet unknown what this one has is read.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 4, Self.isHex(parts[0], 2), parts[0] != "ff", parts[0] != "00" || parts.count == 4,
            Self.isHex(parts[1], 32), parts[1].contains(where: { $0 != "0" }), Self.isHex(parts[2], 16),
            parts[2].contains(where: { $0 != "0" }), Self.isHex(parts[3], 2), let flags = UInt8(parts[3], radix: 16)
        else { return nil }
        self.init(trace: parts[1], span: parts[2], isSampled: flags & Self.sampled != 0)
    }

    /// The field's value.
    public var text: String { "00-\(trace)-\(span)-\(isSampled ? "01" : "00")" }

    private static func isHex(_ text: String, _ count: Int) -> Bool {
        text.utf8.count == count && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
