import CustodeCore
import Foundation
import Testing

@testable import CustodeHTTP

@Suite("Content-Digest (RFC 9530)")
struct ContentDigestTests {
    private static let bytes = [UInt8](0..<32)
    private static let base64 = Data(bytes).base64EncodedString()

    @Test(
        "the SHA-256 is found, beside others and last of several",
        arguments: [
            "sha-256=:B:", " sha-256=:B: ", "sha-512=:YWJj:, sha-256=:B:", "sha-256=:B:,md5=:YWJj:", "\tsha-256=:B:\t",
            "sha-256=:\(Data(repeating: 9, count: 32).base64EncodedString()):, sha-256=:B:",
        ])
    func found(field: String) throws {
        #expect(try ContentDigest.sha256(field.replacing("B", with: Self.base64))?.bytes == Self.bytes)
    }

    @Test(
        "digests by other algorithms alone are passed over",
        arguments: ["sha-512=:YWJj:", "md5=:YWJj:, unixsum=:YWJj:"])
    func others(field: String) throws {
        #expect(try ContentDigest.sha256(field) == nil)
    }

    @Test(
        "a field that cannot be read is 400, never unchecked",
        arguments: [
            "", "sha-256", "sha-256=", "sha-256=B", "sha-256=:", "sha-256=::", "sha-256=:B", "sha-256=B:",
            "sha-256=:B:x",
            "sha-256=\"B\"", "sha-256=:BB:", "sha-256=:YWJj:", ",", "sha-256=:B:,", "=:B:", "sha-256= :B:",
            "sha-256=:B :",
            "sha-256=:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8:",
            "sha-256=:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=:",
            "sha-256=:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH-8=:", "sha-256=:000102030405060708090a0b0c0d0e0f:",
        ])
    func malformed(field: String) {
        let error = #expect(throws: Refusal.self) { try ContentDigest.sha256(field.replacing("B", with: Self.base64)) }
        guard case .badRequest? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(
        "an algorithm is spelled in lower case (RFC 8941 §3.1.2): another spelling is 400, never unchecked",
        arguments: ["SHA-256", "Sha-256", "sha-256 "])
    func spelling(name: String) {
        #expect(throws: Refusal.self) { try ContentDigest.sha256("\(name)=:\(Self.base64):") }
    }

    @Test("padded base64 is read strictly")
    func base64() {
        for length in 0..<40 {
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            let text = Data(bytes).base64EncodedString()
            #expect(Base64.decode(Array(text.utf8)) == bytes)
        }
        for text in [
            "A", "AA", "AAA", "A===", "====", "AB==", "AAB=", "AA==AA==", "AA=A", "A-==", "A_==", "AA= ", "AAAA====",
            "AA\n=",
        ] {
            #expect(Base64.decode(Array(text.utf8)) == nil, "\(text)")
        }
    }
}
