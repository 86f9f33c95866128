import CustodeCore
import Testing

@Suite("Members of JSON objects")
struct JSONMembersTests {
    @Test(
        "a text in which no member is doubled is let through",
        arguments: [
            "{}", "[]", "1", "-1.5e+3", "true", #""text""#, #"{"a":1,"b":{"a":2}}"#, #"[{"a":1},{"a":1}]"#,
            " {\n\t\"a\" : [ 1 , 2 ] } ", #"{"a":"\"\\\/\b\f\n\r\tA"}"#, "{\"\u{E4}\":1,\"a\u{308}\":2}",
            #"{"A":1,"a":2}"#,
        ])
    func unique(text: String) {
        #expect(JSONMembers.areUnique(in: text.utf8))
    }

    @Test(
        "a doubled member is found at any depth and in any spelling",
        arguments: [
            #"{"alg":"none","alg":"RS256"}"#, #"{"alg":1,"\u0061lg":2}"#, #"{"a":{"b":1,"b":1}}"#,
            #"[[{"":1,"":2}]]"#, #"{"a":1,"b":2,"c":3,"b":4}"#, #"{"/":1,"\/":2}"#, #"{"😀":1,"\ud83d\ude00":2}"#,
        ])
    func doubled(text: String) {
        #expect(!JSONMembers.areUnique(in: text.utf8))
    }

    @Test(
        "what is no JSON is not let through",
        arguments: [
            "", " ", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[", "\"", "\"\\\"", "\"\\u12\"",
            "\"\\u+123\"", "\"\\x\"", "\"\n\"", "{a:1}", "{'a':1}", "{} {}", "nul l", "{\"a\":1}\0",
        ])
    func broken(text: String) {
        #expect(!JSONMembers.areUnique(in: text.utf8))
    }

    @Test("bytes that are no UTF-8 are not let through")
    func notText() {
        #expect(!JSONMembers.areUnique(in: [0x22, 0xFF, 0x22]))
        #expect(!JSONMembers.areUnique(in: [0x22, 0xC0, 0x80, 0x22]))
    }

    @Test("nesting is followed to a depth of 32, and a million brackets break nothing")
    func deep() {
        let nested = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        #expect(JSONMembers.areUnique(in: nested(32).utf8))
        #expect(!JSONMembers.areUnique(in: nested(34).utf8))
        #expect(!JSONMembers.areUnique(in: nested(1_000_000).utf8))
    }
}
