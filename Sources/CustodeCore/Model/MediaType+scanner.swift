extension MediaType {
    /// Reads the grammar of RFC 9110 §5.6 from left to right.
    struct Scanner {
        let bytes: [UInt8]
        var position = 0

        mutating func take(_ byte: UInt8) -> Bool {
            guard position < bytes.count, bytes[position] == byte else { return false }
            position += 1
            return true
        }

        mutating func skipSpace() {
            while take(UInt8(ascii: " ")) || take(UInt8(ascii: "\t")) {}
        }

        mutating func token() -> String? {
            let start = position
            while position < bytes.count, Self.isTokenByte(bytes[position]) { position += 1 }
            return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
        }

        /// Reads `*( OWS ";" OWS [ name "=" value ] )` and says whether that was all there is.
        mutating func parameters() -> Bool {
            while true {
                skipSpace()
                guard take(UInt8(ascii: ";")) else { return position == bytes.count }
                skipSpace()
                guard token() != nil else { continue }
                guard take(UInt8(ascii: "=")), token() != nil || quotedString() else { return false }
            }
        }

        private mutating func quotedString() -> Bool {
            guard take(UInt8(ascii: "\"")) else { return false }
            while position < bytes.count {
                if take(UInt8(ascii: "\"")) { return true }
                _ = take(UInt8(ascii: "\\"))
                guard position < bytes.count, bytes[position] >= 0x20 || bytes[position] == 0x09,
                    bytes[position] != 0x7F
                else { return false }
                position += 1
            }
            return false
        }

        private static func isTokenByte(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
    }
}
