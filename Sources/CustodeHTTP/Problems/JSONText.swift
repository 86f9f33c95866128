/// Writes JSON (RFC 8259) straight into text.
///
/// Replies are small and of a fixed shape, and links are minted by the hundred thousand: an encoder that
/// goes by way of containers takes longer than all the rest of a mint.
struct JSONText {
    private var bytes: [UInt8] = []
    private var needsComma = false

    init() { bytes.reserveCapacity(512) }

    /// What has been written.
    var text: String { String(decoding: bytes, as: UTF8.self) }
    /// What has been written, in UTF-8.
    var utf8: [UInt8] { bytes }

    mutating func object(_ body: (inout JSONText) throws -> Void) rethrows {
        separate()
        bytes.append(UInt8(ascii: "{"))
        needsComma = false
        try body(&self)
        bytes.append(UInt8(ascii: "}"))
        needsComma = true
    }

    mutating func array(_ body: (inout JSONText) throws -> Void) rethrows {
        separate()
        bytes.append(UInt8(ascii: "["))
        needsComma = false
        try body(&self)
        bytes.append(UInt8(ascii: "]"))
        needsComma = true
    }

    mutating func name(_ name: StaticString) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        bytes += name.description.utf8
        bytes += "\":".utf8
        needsComma = false
    }

    mutating func member(_ name: StaticString, _ value: String?) {
        self.name(name)
        if let value { string(value) } else { raw("null") }
    }

    mutating func member(_ name: StaticString, _ value: some BinaryInteger) {
        self.name(name)
        raw(String(value))
    }

    mutating func element(_ value: String) { string(value) }

    private mutating func raw(_ text: String) {
        separate()
        bytes += text.utf8
        needsComma = true
    }

    private mutating func string(_ text: String) {
        separate()
        bytes.append(UInt8(ascii: "\""))
        defer {
            bytes.append(UInt8(ascii: "\""))
            needsComma = true
        }
        // Nearly all of it, and then in one piece.
        if text.utf8.allSatisfy({ $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") && $0 != 0x7F }) {
            bytes.append(contentsOf: text.utf8)
            return
        }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes += "\\\"".utf8
            case UInt8(ascii: "\\"): bytes += "\\\\".utf8
            case 0x0A: bytes += "\\n".utf8
            case 0x00..<0x20, 0x7F: bytes += "\\u00\(Self.hex(byte >> 4))\(Self.hex(byte & 15))".utf8
            default: bytes.append(byte)
            }
        }
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = false
    }

    private static func hex(_ value: UInt8) -> String { String(value, radix: 16) }
}
