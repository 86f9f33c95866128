/// Inputs that once did not pass, or that a hand wrote: each target begins with its own.
enum Regressions {
    static let cases: [String: [[UInt8]]] = [
        "ranges": texts(
            "bytes=9223372036854775807-", "bytes=-9223372036854775808", "bytes=\u{301}1-2", "bytes=1-2\u{301}"),
        "disposition": texts("x;filename*=UTF-8''a%2f..", "x;filename=\"/\u{301}..", "x;filename=\"a\\"),
        "fields": texts(";?1", "? 1", "?1 ;a=b", " ?0", "?10"),
        "targets": texts(
            "/o/t?disposition=\u{301}x&disposition=inline", "/o/t?disposition=a&\u{301}disposition=b",
            "/o/t?=&disposition&"),
        "xml": texts(
            String(repeating: "<a>", count: 100_000) + String(repeating: "</a>", count: 100_000),
            String(repeating: "<a>", count: 100_000), bomb("lol"), bomb("<l/>"),
            "<!DOCTYPE a><a/>", listed(size: "-1"), listed(size: "9223372036854775808"), "-9223372036854775807"),
        "supabase": texts(
            String(repeating: "[", count: 100_000), "-9223372036854775807",
            "{\"hasNext\":false,\"objects\":[{\"name\":\"users/a\",\"updated_at\":\"2026-11-25T03:00:00Z\","
                + "\"metadata\":{\"eTag\":\"a\",\"size\":-5}}]}"),
        "policies": texts(
            PolicyFuzz.lines.replacing("grace=48h", with: "grace=9000000000000000s"),
            PolicyFuzz.lines.replacing("max_ttl=15m", with: "max_ttl=106751991167d"),
            PolicyFuzz.lines.replacing("burst=500", with: "burst=9223372036854775807")),
        "policy-files": texts(
            aliases, "a: " + String(repeating: "[", count: 5_000), String(repeating: "? ", count: 2_000)),
        "members": texts(
            String(repeating: "[", count: 100_000),
            String(repeating: "{\"a\":", count: 40) + "1"
                + String(repeating: "}", count: 40)),
        "token-parts": texts("{\"alg\":\"RS256\",\"kid\":\"\u{FEFF}\\u0061\"}"),
        "manifests": texts("a\r", "\r", "\r\n"),
        "headers": [state(window: 5_000), state(tagBytes: .max), state(offset: .max), state(missing: -1)],
    ]

    private static func texts(_ texts: String...) -> [[UInt8]] { texts.map { Array($0.utf8) } }

    /// A document whose entities stand for ten of the one before them each.
    private static func bomb(_ seed: String) -> String {
        var entities = "<!ENTITY l0 \"\(seed)\">"
        for level in 1...9 {
            entities += "<!ENTITY l\(level) \"\(String(repeating: "&l\(level - 1);", count: 10))\">"
        }
        return "<?xml version=\"1.0\"?><!DOCTYPE l [\(entities)]><l>&l9;</l>"
    }

    /// A listing of one object.
    private static func listed(size: String) -> String {
        "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>users/a</Key><ETag>a</ETag>"
            + "<LastModified>2026-11-25T03:00:00Z</LastModified><Size>\(size)</Size></Contents></ListBucketResult>"
    }

    /// Mappings of which each holds the one before it twice.
    private static let aliases =
        "a0: &a0 {x: 1, y: 2}\n" + (1...30).map { "a\($0): &a\($0) {x: *a\($0 - 1), y: *a\($0 - 1)}\n" }.joined()

    /// A state of a judgement that gathers, with one thing wrong.
    private static func state(window: Int = 0, tagBytes: Int = 0, offset: Int = 0, missing: Int = 0) -> [UInt8] {
        func bytes(_ number: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) } }
        return [1, 0] + bytes(0) + [0] + bytes(tagBytes) + bytes(-1) + bytes(offset) + bytes(0) + bytes(missing)
            + [0x80, 0xBF] + bytes(window) + [UInt8](repeating: 0x41, count: window) + bytes(0)
    }
}
