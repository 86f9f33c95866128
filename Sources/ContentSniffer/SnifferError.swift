/// What can go wrong with libmagic; never that it does not know the bytes.
public struct SnifferError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The kinds of failure.
    public enum Code: String, Sendable {
        /// The library or its database could not be loaded, or no thread be started.
        case unavailable
        /// The library refused to judge.
        case failed
        /// The caller's task was cancelled first.
        case cancelled
        /// The sniffer was shut down first.
        case stopped
    }

    /// The kind of failure.
    public let code: Code
    /// What the library said; empty when it said nothing.
    public let detail: String

    init(_ code: Code, _ detail: String = "") {
        self.code = code
        self.detail = detail
    }

    /// The kind, and what the library said.
    public var description: String { detail.isEmpty ? code.rawValue : "\(code.rawValue): \(detail)" }
}
