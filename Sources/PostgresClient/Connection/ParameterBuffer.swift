import Glibc

/// Turns parameters into the zero-terminated texts libpq takes, in memory that is used again and again.
struct ParameterBuffer {
    private static let keptCapacity = 64 * 1024

    private var bytes: [UInt8] = []
    private var offsets: [Int] = []
    private var pointers: [UnsafePointer<CChar>?] = []

    /// Calls `body` with the number of the values and with pointers to their texts.
    mutating func encode<Result>(
        _ values: [PostgresValue], _ body: (Int32, UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) throws(PostgresError) -> Result {
        if values.isEmpty { return body(0, nil) }
        bytes.removeAll(keepingCapacity: bytes.capacity <= Self.keptCapacity)
        offsets.removeAll(keepingCapacity: true)
        pointers.removeAll(keepingCapacity: true)
        for value in values { try append(value) }
        return bytes.withUnsafeBytes { [offsets] texts in
            for offset in offsets {
                let text = offset < 0 ? nil : texts.baseAddress?.advanced(by: offset)
                pointers.append(text?.assumingMemoryBound(to: CChar.self))
            }
            return pointers.withUnsafeBufferPointer { body(Int32($0.count), $0.baseAddress) }
        }
    }

    private mutating func append(_ value: PostgresValue) throws(PostgresError) {
        let start = bytes.count
        switch value {
        case .null, .optionalText(nil):
            offsets.append(-1)
            return
        case .text(let text), .optionalText(let text?): bytes.append(contentsOf: text.utf8)
        case .int(let number): bytes.append(contentsOf: String(number).utf8)
        case .bool(let flag): bytes.append(UInt8(ascii: flag ? "t" : "f"))
        case .textArray(let texts): append(array: texts)
        }
        // A text that ends early would be stored as another text.
        let hasZero = bytes.withUnsafeBytes { all in
            let text = UnsafeRawBufferPointer(rebasing: all[start...])
            return text.baseAddress.map { memchr($0, 0, text.count) != nil } ?? false
        }
        guard !hasZero else {
            throw PostgresError(
                code: .server, sqlState: "22021", message: "a parameter holds a NUL character")
        }
        offsets.append(start)
        bytes.append(0)
    }

    private mutating func append(array texts: [String]) {
        bytes.append(UInt8(ascii: "{"))
        for (index, text) in texts.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            bytes.append(UInt8(ascii: "\""))
            for byte in text.utf8 {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                    bytes.append(UInt8(ascii: "\\"))
                }
                bytes.append(byte)
            }
            bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
    }
}
