/// Looks at JSON text for what parsers read differently.
///
/// Of two members with one name some take the first, others the last (RFC 8259 §4), so that two programs see two
/// documents in one: what decides who may do something must hold none.
public enum JSONMembers {
    /// Whether no object in a JSON text, at any depth, names a member twice.
    ///
    /// Names are compared after their escapes were read: `"alg"` and `"\u0061lg"` are one.
    /// - Returns: `false` also for what is no JSON, and for what is nested deeper than 32.
    public static func areUnique(in text: some Collection<UInt8>) -> Bool {
        let bytes = Array(text)
        guard String(validating: bytes, as: UTF8.self) != nil else { return false }
        var scanner = JSONScanner(bytes)
        return scanner.scansDocument()
    }
}

/// A reader of JSON that keeps nothing but the names of members (RFC 8259).
private struct JSONScanner {
    private static let deepest = 32

    /// Up to how many names of an object are compared one by one, rather than looked up.
    private static let few = 16

    private let bytes: [UInt8]
    private var position = 0
    /// Where the names are of the objects that are open, none of which holds an escape.
    private var open: [Range<Int>] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func scansDocument() -> Bool {
        guard scansValue(depth: 0) else { return false }
        skipSpace()
        return position == bytes.count
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func takes(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func scansValue(depth: Int) -> Bool {
        guard depth <= Self.deepest else { return false }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return scansObject(depth)
        case UInt8(ascii: "["): return scansArray(depth)
        case UInt8(ascii: "\""): return skipsText() != nil
        default: return scansWord()
        }
    }

    private mutating func scansObject(_ depth: Int) -> Bool {
        position += 1
        skipSpace()
        if takes(UInt8(ascii: "}")) { return true }
        let first = open.count
        defer { open.removeSubrange(first...) }
        // Only of large objects, and such as spell names in other ways.
        var spelled: Set<[UInt16]>?
        while true {
            skipSpace()
            let start = position + 1
            guard let isPlain = skipsText() else { return false }
            let name = start..<position - 1
            if spelled == nil, !isPlain || open.count - first >= Self.few {
                spelled = Set(open[first...].map { units($0) })
            }
            if spelled != nil {
                guard spelled?.insert(units(name)).inserted == true else { return false }
            } else {
                guard !open[first...].contains(where: { bytes[$0].elementsEqual(bytes[name]) }) else { return false }
                open.append(name)
            }
            skipSpace()
            guard takes(UInt8(ascii: ":")), scansValue(depth: depth + 1) else { return false }
            skipSpace()
            if takes(UInt8(ascii: "}")) { return true }
            guard takes(UInt8(ascii: ",")) else { return false }
        }
    }

    private mutating func scansArray(_ depth: Int) -> Bool {
        position += 1
        skipSpace()
        if takes(UInt8(ascii: "]")) { return true }
        while true {
            guard scansValue(depth: depth + 1) else { return false }
            skipSpace()
            if takes(UInt8(ascii: "]")) { return true }
            guard takes(UInt8(ascii: ",")) else { return false }
        }
    }

    /// A number or one of the three words; what exactly it says, its parser judges.
    private mutating func scansWord() -> Bool {
        let start = position
        while let byte = next,
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2B || byte == 0x2D
                || byte == 0x2E || byte == 0x45
        {
            position += 1
        }
        return position > start
    }

    /// Passes over a string.
    ///
    /// - Returns: Whether it is spelled without escapes; `nil` if it is none.
    private mutating func skipsText() -> Bool? {
        guard takes(UInt8(ascii: "\"")) else { return nil }
        var isPlain = true
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return isPlain
            case UInt8(ascii: "\\"):
                guard escaped() != nil else { return nil }
                isPlain = false
            case 0..<0x20: return nil
            default: break
            }
        }
        return nil
    }

    /// A string's UTF-16, in which escapes are written; it was passed over before.
    private func units(_ range: Range<Int>) -> [UInt16] {
        var scanner = self
        var units: [UInt16] = []
        scanner.position = range.lowerBound
        var start = range.lowerBound
        while scanner.position < range.upperBound {
            guard bytes[scanner.position] == UInt8(ascii: "\\") else {
                scanner.position += 1
                continue
            }
            units += String(decoding: bytes[start..<scanner.position], as: UTF8.self).utf16
            scanner.position += 1
            if let unit = scanner.escaped() { units.append(unit) }
            start = scanner.position
        }
        return units + String(decoding: bytes[start..<range.upperBound], as: UTF8.self).utf16
    }

    private mutating func escaped() -> UInt16? {
        guard let letter = next else { return nil }
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt16(letter)
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"):
            guard position + 4 <= bytes.count else { return nil }
            let digits = bytes[position..<position + 4]
            position += 4
            // UInt16 would take a sign as well.
            guard digits.allSatisfy({ $0 != 0x2B && $0 != 0x2D }) else { return nil }
            return UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        default: return nil
        }
    }
}
