extension FetchRequest {
    /// Why it cannot be sent as it is; `nil` if it can.
    ///
    /// Nothing may be smuggled into the head, and nothing that the caller wrote may be left out of it unseen.
    var fault: String? {
        if !Self.isToken(method) { return "the method is none" }
        if method == "HEAD", body.count > 0 { return "a HEAD has no body" }
        if body.count < 0 { return "a body has no negative length" }
        if !hasGoodURL { return "the URL is malformed" }
        for (name, value) in headers {
            guard Self.isToken(name), Self.isPlain(value) else { return "a header field is malformed" }
            switch name.lowercased() {
            // Where a second opinion on the body's length differs, the rest of it would be taken for a request.
            case "transfer-encoding": return "the body is sent as it is"
            case "content-length" where Int64(value) != body.count: return "the body's length is another"
            default: break
            }
        }
        return nil
    }

    /// Whether it is absolute and all of it reaches the server: a fragment would not, nor what follows a NUL.
    private var hasGoodURL: Bool {
        let start = url.utf8.prefix(8).map { $0 | 0x20 }
        guard start.starts(with: "http://".utf8) || start.starts(with: "https://".utf8) else { return false }
        return url.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "#") }
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }

    /// Whether a text may stand in a head: no line can be smuggled in.
    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }
}
