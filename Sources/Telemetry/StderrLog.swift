internal import Glibc
public import Logging
internal import Synchronization

/// Writes log lines to standard error, one write each, as JSON or as text.
public struct StderrLog: LogHandler {
    /// How a line is written.
    public enum Format: String, Sendable, CaseIterable {
        /// One JSON object a line.
        case json
        /// For people.
        case text
    }

    /// Facts of every line.
    public var metadata: Logger.Metadata = [:]
    /// Facts that the task in hand provides.
    public var metadataProvider: Logger.MetadataProvider?
    /// The least level that is written.
    public var logLevel: Logger.Level
    private let label: String
    private let format: Format

    /// A log of one format from one level up.
    public init(label: String, format: Format, level: Logger.Level) {
        self.label = label
        self.format = format
        logLevel = level
    }

    /// One fact of every line.
    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    public func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let own = event.metadata { all.merge(own) { _, new in new } }
        let facts = all.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }
        let line =
            switch format {
            case .json: jsonLine(event, facts)
            case .text: textLine(event, facts)
            }
        let bytes = Array(line.utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private func jsonLine(_ event: LogEvent, _ facts: [(String, String)]) -> String {
        var line =
            "{\"time\":\"\(Self.now())\",\"level\":\"\(event.level)\",\"message\":\(Self.quoted(event.message.description))"
        for (name, value) in facts { line += ",\(Self.quoted(name)):\(Self.quoted(value))" }
        return line + "}\n"
    }

    private func textLine(_ event: LogEvent, _ facts: [(String, String)]) -> String {
        let tail = facts.map { name, value in
            let quoted = Self.quoted(value)
            // What could be taken for another fact stays in its quotes.
            let isPlain = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x3D && $0 != 0x22 }
            return " \(name)=\(isPlain ? String(quoted.dropFirst().dropLast()) : quoted)"
        }.joined()
        let message = Self.quoted(event.message.description).dropFirst().dropLast()
        return "\(Self.now()) \(event.level.rawValue.uppercased()) \(message)\(tail)\n"
    }

    private static func now() -> String {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        var parts = unsafe tm()
        unsafe gmtime_r(&time.tv_sec, &parts)
        let date = unsafe (Int(parts.tm_year) + 1_900, Int(parts.tm_mon) + 1, Int(parts.tm_mday))
        let clock = unsafe (Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec))
        return "\(padded(date.0, 4))-\(padded(date.1, 2))-\(padded(date.2, 2))T"
            + "\(padded(clock.0, 2)):\(padded(clock.1, 2)):\(padded(clock.2, 2)).\(padded(time.tv_nsec / 1_000_000, 3))Z"
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    /// A JSON string; controls are escaped, so that nothing a client sends can forge a line.
    private static func quoted(_ text: String) -> String {
        var quoted: [UInt8] = [UInt8(ascii: "\"")]
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: quoted += "\\\"".utf8
            case 0x5C: quoted += "\\\\".utf8
            // Controls of either range, and what breaks or turns lines: terminals obey them.
            case 0x00..<0x20, 0x7F..<0xA0, 0x2028...0x202E, 0x2066...0x2069:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u\(String(repeating: "0", count: 4 - digits.utf8.count))\(digits)".utf8
            default: quoted += UTF8.encode(scalar).map { Array($0) } ?? []
            }
        }
        return String(decoding: quoted + [UInt8(ascii: "\"")], as: UTF8.self)
    }
}
