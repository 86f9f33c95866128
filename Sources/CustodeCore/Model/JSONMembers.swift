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
        var scanner = JSONScanner(Array(text))
        return scanner.scansDocument()
    }
}

/// A reader of JSON that keeps nothing but the names of members (RFC 8259).
private struct JSONScanner {
    private static let deepest = 32

    private let bytes: [UInt8]
    private var position = 0

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
        case UInt8(ascii: "\""): return text() != nil
        default: return scansWord()
        }
    }

    private mutating func scansObject(_ depth: Int) -> Bool {
        position += 1
        skipSpace()
        if takes(UInt8(ascii: "}")) { return true }
        var names: Set<[UInt16]> = []
        while true {
            skipSpace()
            guard let name = text(), names.insert(name).inserted else { return false }
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

    /// A string's UTF-16, in which escapes are written.
    private mutating func text() -> [UInt16]? {
        guard takes(UInt8(ascii: "\"")) else { return nil }
        var units: [UInt16] = []
        var start = position
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                guard let plain = String(validating: bytes[start..<position], as: UTF8.self) else { return nil }
                units += plain.utf16
                position += 1
                if byte == UInt8(ascii: "\"") { return units }
                guard let unit = escaped() else { return nil }
                units.append(unit)
                start = position
            case 0..<0x20: return nil
            default: position += 1
            }
        }
        return nil
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
