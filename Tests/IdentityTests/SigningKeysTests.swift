import CustodeTesting
import Testing

@testable import Identity

@Suite("Key sets as issuers publish them")
struct SigningKeysTests {
    private static let key = Once { try await SigningKeyFile.make() }

    private static func read(_ keys: [JSON]) async throws -> SigningKeys {
        try await SigningKeys(document: Array(JSON.object(["keys": .array(keys)]).description.utf8))
    }

    @Test("a key verifies what its other half signed, and nothing else")
    func verifies() async throws {
        let key = try await Self.key.value()
        let issuer = TokenIssuer(keyID: "a", key: key)
        let token = try await issuer.token("user")
        let keys = try await Self.read([key.jwk("a")])
        #expect(await keys["a"]?.verify(token) != nil)
        #expect(await keys["a"]?.verify(String(token.dropLast(2)) + "AA") == nil)
        let other = try await Self.read([try await SigningKeyFile.make().jwk("a")])
        #expect(await other["a"]?.verify(token) == nil)
    }

    @Test("keys of other kinds, for other uses, without an id, too weak or broken are passed over, the others serve")
    func passedOver() async throws {
        let key = try await Self.key.value()
        let weak = try await SigningKeyFile.make(bits: 1_024)
        let keys = try await Self.read([
            ["kty": "EC", "kid": "ec", "crv": "P-256", "x": "AA", "y": "AA"], ["kty": "oct", "kid": "oct", "k": "AA"],
            key.jwk("enc", ["use": "enc"]), key.jwk("ps", ["alg": "PS256"]), key.jwk("hs", ["alg": "HS256"]),
            key.jwk(""), .object(["kty": "RSA", "n": "AA", "e": "AQAB"]), weak.jwk("weak"),
            key.jwk("number", ["kid": 1]), key.jwk("bad", ["n": "!!"]), key.jwk("one", ["e": "AQ"]),
            key.jwk("even", ["e": "Ag"]), key.jwk("huge", ["n": .string(String(repeating: "_", count: 100_000))]),
            "text", 1, .null, [], key.jwk("good"), key.jwk("plain", ["use": .null, "alg": .null]),
        ])
        for id in ["ec", "oct", "enc", "ps", "hs", "", "weak", "1", "bad", "one", "even", "huge"] {
            #expect(keys[id] == nil, "\(id)")
        }
        #expect(keys["good"] != nil)
        #expect(keys["plain"] != nil)
        #expect(keys.count == 2)
    }

    @Test("of two keys of one id neither is taken")
    func doubled() async throws {
        let key = try await Self.key.value()
        let other = try await SigningKeyFile.make()
        let keys = try await Self.read([key.jwk("a"), other.jwk("a"), key.jwk("b")])
        #expect(keys["a"] == nil)
        #expect(keys["b"] != nil)
    }

    @Test("an empty set is a set: nobody's tokens are good")
    func empty() async throws {
        #expect(try await Self.read([]).count == 0)
    }

    @Test(
        "what is no key set is refused",
        arguments: ["", "{}", "[]", "null", #"{"keys":{}}"#, #"{"keys":null}"#, "<html></html>", #"{"keys":["#])
    func none(text: String) async {
        await #expect(throws: KeySetFault.self) { _ = try await SigningKeys(document: Array(text.utf8)) }
    }

    @Test("more than a hundred keys are no issuer's")
    func many() async {
        let keys = (0...100).map { _ in #"{"kty":"oct"}"# }.joined(separator: ",")
        await #expect(throws: KeySetFault.self) {
            _ = try await SigningKeys(document: Array("{\"keys\":[\(keys)]}".utf8))
        }
    }
}
