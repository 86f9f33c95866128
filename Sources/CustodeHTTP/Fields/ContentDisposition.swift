internal import CustodeCore

/// The `Content-Disposition` field, read and written (RFC 6266, RFC 8187).
enum ContentDisposition {
    /// The most bytes of a name that are kept.
    static let maximumNameLength = 255

    /// The cosmetic name in a request's field, made harmless; `nil` if it holds none.
    ///
    /// `filename*` wins over `filename`. Nothing in it is ever taken for a path.
    static func filename(in field: String) -> String? {
        var plain: String?
        var extended: String?
        for (name, value) in parameters(field) {
            switch name {
            case "filename": plain = plain ?? value
            case "filename*": extended = extended ?? extendedValue(value)
            default: break
            }
        }
        return (extended ?? plain).flatMap(harmless)
    }

    /// The field of a reply, with a fallback in ASCII for clients of before RFC 8187.
    static func field(_ disposition: Disposition, filename: String) -> String {
        if filename.utf8.allSatisfy({ $0 < 0x80 && isPlain(Unicode.Scalar($0)) }) {
            return "\(disposition.name); filename=\"\(filename)\""
        }
        let fallback = String(
            decoding: filename.unicodeScalars.map { scalar in
                isPlain(scalar) ? UInt8(scalar.value) : UInt8(ascii: "_")
            }, as: UTF8.self)
        return "\(disposition.name); filename=\"\(fallback)\"; filename*=UTF-8''\(PercentEncoding.encode(filename))"
    }

    /// The last component of a name without controls, without what changes the direction of writing, and
    /// no longer than a file name may be; `nil` if nothing is left.
    static func harmless(_ name: String) -> String? {
        // By scalars: a character may hold a slash and what is combined with it.
        let parts = Array(name.unicodeScalars.filter { !isHarmful($0) }).split { $0 == "/" || $0 == "\\" }
        var kept = String.UnicodeScalarView((parts.last ?? []).drop { $0 == " " })
        var length = kept.reduce(0) { $0 + UTF8.width($1) }
        while length > maximumNameLength || kept.last == " ", let removed = kept.popLast() {
            length -= UTF8.width(removed)
        }
        let text = String(kept)
        return text.isEmpty || text == "." || text == ".." ? nil : text
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF, 0xFFF9...0xFFFB,
            0x061C, 0xFFFD, 0xE0000...0xE007F:
            true
        default: false
        }
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", " ", ".", "_", "-": true
        default: false
        }
    }

    /// `charset'language'percent-encoded` (RFC 8187 §3.2); only UTF-8 is read.
    private static func extendedValue(_ value: String) -> String? {
        let parts = value.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].lowercased() == "utf-8" else { return nil }
        return PercentEncoding.decode(parts[2])
    }

    /// The parameters behind the first semicolon; names in lower case, values without quotes.
    private static func parameters(_ field: String) -> [(name: String, value: String)] {
        var parameters: [(String, String)] = []
        var rest = Array(field.utf8)[...]
        rest = rest.drop { $0 != UInt8(ascii: ";") }
        while rest.popFirst() != nil {
            let name = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            rest = rest.dropFirst(name.count)
            var value: [UInt8] = []
            if rest.first == UInt8(ascii: "=") {
                rest = rest.dropFirst().drop { $0 == 0x20 }
                if rest.first == UInt8(ascii: "\"") {
                    rest = rest.dropFirst()
                    while let byte = rest.popFirst(), byte != UInt8(ascii: "\"") {
                        value.append(byte == UInt8(ascii: "\\") ? rest.popFirst() ?? byte : byte)
                    }
                } else {
                    value = Array(rest.prefix { $0 != UInt8(ascii: ";") })
                    rest = rest.dropFirst(value.count)
                }
            }
            let key = String(decoding: name.filter { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self).lowercased()
            parameters.append((key, String(decoding: value, as: UTF8.self)))
            rest = rest.drop { $0 != UInt8(ascii: ";") }
        }
        return parameters
    }
}
