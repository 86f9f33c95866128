internal import CustodeCore

/// The `Content-Digest` field (RFC 9530): a dictionary of digests as byte sequences (RFC 8941 §3.2).
enum ContentDigest {
    /// Reads the SHA-256 out of the field.
    ///
    /// Digests by other algorithms are passed over, as RFC 9530 §2 allows.
    ///
    /// - Throws: `badRequest` if the field cannot be read, or its SHA-256 is none.
    static func sha256(_ field: String) throws(Refusal) -> Digest? {
        var digest: Digest?
        for member in field.split(separator: ",", omittingEmptySubsequences: false) {
            let text = member.utf8.drop { $0 == 0x20 || $0 == 0x09 }
            guard let equals = text.firstIndex(of: 0x3D) else { throw malformed }
            let name = String(decoding: Array(text[..<equals]), as: UTF8.self)
            guard isKey(name) else { throw malformed }
            guard name == "sha-256" else { continue }
            var value = Array(text[text.index(after: equals)...])
            while value.last == 0x20 || value.last == 0x09 { value.removeLast() }
            guard value.count >= 2, value.first == 0x3A, value.last == 0x3A,
                let bytes = Base64.decode(value.dropFirst().dropLast()), let found = Digest(bytes)
            else { throw malformed }
            digest = found
        }
        return digest
    }

    /// Whether a name is a key of a dictionary (RFC 8941 §3.1.2): in lower case, without spaces.
    private static func isKey(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || "_-.*".utf8.contains($0)
            }
    }

    private static let malformed = Refusal.badRequest(
        "Content-Digest cannot be read; write it as sha-256=:<base64 of the 32 bytes>:")
}

/// Base64 with padding (RFC 4648 §4), strict.
enum Base64 {
    /// Reads text; `nil` for wrong padding, foreign letters or loose trailing bits.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var unpadded = Array(text)
        for _ in 0..<2 where unpadded.last == 0x3D { unpadded.removeLast() }
        for index in unpadded.indices {
            switch unpadded[index] {
            case UInt8(ascii: "+"): unpadded[index] = UInt8(ascii: "-")
            case UInt8(ascii: "/"): unpadded[index] = UInt8(ascii: "_")
            case UInt8(ascii: "-"), UInt8(ascii: "_"): return nil
            default: break
            }
        }
        return Base64URL.decode(String(decoding: unpadded, as: UTF8.self))
    }
}
