/// Which bytes a reader gets (RFC 9110 §14).
public enum RangePlan: Sendable, Equatable {
    /// All of them, with 200.
    case whole
    /// One run of them, with 206.
    case part(ByteRange)

    /// Reads a `Range` field for an object of a size.
    ///
    /// Whatever is not one well-formed range of bytes is ignored, as RFC 9110 §14.2 allows: an unknown
    /// unit, a malformed field, more than one range.
    ///
    /// - Throws: ``Refusal/rangeNotSatisfiable(size:)`` if no byte of the range exists.
    public init(field: String, size: Int64) throws(Refusal) {
        guard let spec = Self.singleSpec(field) else {
            self = .whole
            return
        }
        switch spec {
        case .suffix(let length):
            guard length > 0, size > 0 else { throw .rangeNotSatisfiable(size: size) }
            self = .part(ByteRange(first: max(0, size - length), last: size - 1))
        case .from(let first, let last):
            guard first < size else { throw .rangeNotSatisfiable(size: size) }
            self = .part(ByteRange(first: first, last: min(last ?? .max, size - 1)))
        }
    }

    private enum Spec {
        case from(Int64, Int64?)
        case suffix(Int64)
    }

    private static func singleSpec(_ field: String) -> Spec? {
        guard let equals = field.utf8.firstIndex(of: 0x3D), field[..<equals].lowercased() == "bytes" else {
            return nil
        }
        let text = field[field.utf8.index(after: equals)...].drop { $0 == " " || $0 == "\t" }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return nil }
        let last = ends[1].utf8.reversed().drop { $0 == 0x20 || $0 == 0x09 }.reversed()
        let lastText = String(decoding: Array(last), as: UTF8.self)
        if ends[0].isEmpty { return number(lastText).map(Spec.suffix) }
        guard let first = number(String(ends[0])) else { return nil }
        if lastText.isEmpty { return .from(first, nil) }
        guard let end = number(lastText), end >= first else { return nil }
        return .from(first, end)
    }

    // Digits alone; a number beyond what any object can have counts as endless.
    private static func number(_ text: String) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text) ?? .max
    }
}
