/// Checks that bytes arriving in pieces are strict UTF-8 without NUL.
///
/// Overlong forms, surrogates and what lies above U+10FFFF are faults; a byte order mark is not. The
/// first fault is kept and everything after it is ignored.
struct TextValidator: Sendable {
    /// Where the first byte lies that is not text, or the first of an ill-formed sequence.
    var fault: Int?

    var offset = 0
    var sequenceStart = 0
    var missing = 0
    var lowest: UInt8 = 0x80
    var highest: UInt8 = 0xBF

    /// Goes on with the next bytes.
    mutating func consume(_ bytes: RawSpan) {
        guard fault == nil else { return }
        var index = 0
        let count = bytes.byteCount
        while index < count {
            if missing == 0 {
                index = Self.skipPlain(bytes, from: index)
                guard index < count else { break }
            }
            let byte = unsafe bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            guard step(byte, at: offset + index) else {
                fault = sequenceStart
                return
            }
            index += 1
        }
        offset += count
    }

    /// Ends the text: a sequence that was cut short is a fault.
    mutating func finish() {
        if fault == nil, missing > 0 { fault = sequenceStart }
    }

    /// The index of the first byte that is NUL or not ASCII, looked for eight bytes at a time; may stop
    /// short of it by less than eight.
    private static func skipPlain(_ bytes: RawSpan, from start: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var index = start
        while index &+ 8 <= bytes.byteCount {
            let word = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            // In a word of ASCII the subtraction sets a high bit only where a byte was NUL.
            guard (word | (word &- ones)) & highs == 0 else { break }
            index &+= 8
        }
        return index
    }

    /// Takes one byte and says whether the text is still well-formed (Unicode, table 3-7).
    private mutating func step(_ byte: UInt8, at position: Int) -> Bool {
        if missing > 0 {
            guard lowest <= byte, byte <= highest else { return false }
            missing -= 1
            (lowest, highest) = (0x80, 0xBF)
            return true
        }
        sequenceStart = position
        switch byte {
        case 0x01...0x7F: return true
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, lowest) = (2, 0xA0)
        case 0xED: (missing, highest) = (2, 0x9F)
        case 0xE1...0xEF: missing = 2
        case 0xF0: (missing, lowest) = (3, 0x90)
        case 0xF1...0xF3: missing = 3
        case 0xF4: (missing, highest) = (3, 0x8F)
        default: return false
        }
        return true
    }
}
