import CustodeTesting
import Foundation
import Testing

@testable import CustodeCore

@Suite("base64url")
struct Base64URLTests {
    @Test(
        "RFC 4648's vectors, without padding",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(plain: String, encoded: String) {
        #expect(Base64URL.encode(Array(plain.utf8)) == encoded)
        #expect(Base64URL.decode(encoded) == Array(plain.utf8))
    }

    @Test("any bytes come back, and are written as the system's base64 with the other two letters")
    func roundTrip() {
        var random = SeededGenerator(seed: 4)
        for length in 0..<200 {
            let bytes = random.bytes(length)
            let text = Base64URL.encode(bytes)
            #expect(Base64URL.decode(text) == bytes)
            let usual = Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
            #expect(text == usual.replacing("=", with: ""))
        }
    }

    @Test("of all texts of up to three letters only the encodings are read")
    func exhaustive() {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/".utf8)
        var read = 0
        var texts: [[UInt8]] = [[]]
        for length in 1...3 {
            texts = texts.flatMap { text in letters.map { text + [$0] } }
            for text in texts {
                guard let bytes = Base64URL.decode(String(decoding: text, as: UTF8.self)) else { continue }
                read += 1
                if Base64URL.encode(bytes) != String(decoding: text, as: UTF8.self) {
                    Issue.record("\(text) was read and is not canonical")
                }
            }
            let expected = [1: 0, 2: 256, 3: 256 + 65_536][length]
            #expect(read == expected)
        }
    }

    @Test(
        "padding, foreign letters, impossible lengths and loose trailing bits are refused",
        arguments: [
            "Zg==", "Zm8=", "Zm9vYmFy====", "=", "A", "AAAAA", "Zh", "Zm9", "Zm9vYh", "Z g", "Zg\n", "\nZg", "Zg ",
            "+/+/",
            "Zm8+", "Zm8/", "Zm9v\0", "Zm9vé", "Zm9\u{301}v", "Zm9v,", "%5A%67",
        ])
    func nonCanonical(text: String) {
        #expect(Base64URL.decode(text) == nil)
    }
}
