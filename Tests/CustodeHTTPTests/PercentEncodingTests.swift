import Testing

@testable import CustodeHTTP

@Suite("percent-encoding (RFC 3986 §2.1)")
struct PercentEncodingTests {
    @Test(
        "text is decoded once",
        arguments: [
            ("", ""), ("abc", "abc"), ("a%2Fb", "a/b"), ("a%2fb", "a/b"), ("%252F", "%2F"), ("a+b", "a+b"),
            ("%C3%A9", "é"),
            ("%00", "\0"), ("%F0%9F%91%8D", "👍"), ("%2E%2E", ".."), ("é%20", "é "),
        ])
    func decoding(text: String, decoded: String) {
        #expect(PercentEncoding.decode(text).map { Array($0.utf8) } == Array(decoded.utf8))
    }

    @Test(
        "an escape that is cut short, or bytes that are not UTF-8, are refused",
        arguments: [
            "%", "%2", "a%", "%%", "%G0", "%0G", "% 0", "%-1", "%+1", "%FF", "%C3", "%C3%28", "%ED%A0%80", "%C0%AE",
            "%u0041",
        ])
    func notDecoded(text: String) { #expect(PercentEncoding.decode(text) == nil) }

    @Test("all but the unreserved characters are encoded, and what is encoded is read back")
    func encoding() {
        #expect(PercentEncoding.encode("aZ09-._~") == "aZ09-._~")
        #expect(PercentEncoding.encode("a/b c|é\0") == "a%2Fb%20c%7C%C3%A9%00")
        #expect(PercentEncoding.encode("a/b c", keeping: "/") == "a/b%20c")
        for scalar in (0..<0x500).compactMap(Unicode.Scalar.init(_:)) {
            let text = String(scalar)
            #expect(PercentEncoding.decode(PercentEncoding.encode(text)).map { Array($0.utf8) } == Array(text.utf8))
        }
    }
}
