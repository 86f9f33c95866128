import Foundation
import Testing

@testable import CustodeHTTP

@Suite("JSON as it is written (RFC 8259)")
struct JSONTextTests {
    @Test("members, arrays and objects are separated as they should be")
    func shape() {
        var json = JSONText()
        json.object { json in
            json.member("a", "x")
            json.member("n", 5)
            json.member("none", nil as String?)
            json.name("list")
            json.array { json in
                json.object { _ in }
                json.object { $0.member("b", -1) }
                json.array { _ in }
            }
            json.name("empty")
            json.object { _ in }
            json.member("z", Int64.min)
        }
        #expect(
            json.text
                == "{\"a\":\"x\",\"n\":5,\"none\":null,\"list\":[{},{\"b\":-1},[]],\"empty\":{},\"z\":-9223372036854775808}"
        )
        #expect(json.utf8 == Array(json.text.utf8))
    }

    @Test("every text comes back from a parser byte for byte, and holds no control")
    func escaping() throws {
        var texts = (0..<0x300).compactMap(Unicode.Scalar.init(_:)).map { String($0) }
        texts += texts.map { $0 + "\u{301}" }
        texts += [
            "\r\n", "\"\u{301}\\\u{301}", "</script>", "\u{2028}\u{2029}", "👩‍🎤", "\u{10FFFF}", "{\"a\":1}", "\\u0000",
            "",
        ]
        for text in texts {
            var json = JSONText()
            json.object { $0.member("text", text) }
            #expect(json.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
            let read = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: String]
            #expect(read?["text"].map { Array($0.utf8) } == Array(text.utf8))
        }
    }
}
