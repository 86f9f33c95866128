import CustodeTesting
import Foundation
import NIOCore
import Testing

@testable import CustodeCore
@testable import CustodeHTTP
@testable import Identity

@Suite("fuzzing JSON and users' tokens", .serialized)
struct TokenFuzz {
    private static let tokens = [
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u0061", "\\ud800", "null", "true", "1e5", "\"alg\"", "\"kid\"",
        "\"RS256\"",
        "\"none\"", "\"crit\"", "\"a\":1,", "\\\"", " ", "\u{212A}",
    ]

    /// How many members the objects of a value have in all, and how deep it is.
    private static func census(_ value: Any) -> (members: Int, depth: Int) {
        let inner: [(members: Int, depth: Int)]
        var own = 0
        switch value {
        case let object as [String: Any]:
            own = object.count
            inner = object.values.map(census)
        case let array as [Any]: inner = array.map(census)
        default: return (0, 0)
        }
        return (own + inner.reduce(0) { $0 + $1.members }, 1 + (inner.map(\.depth).max() ?? 0))
    }

    /// How many colons there are outside strings: one for each member that is spelled.
    private static func colons(_ bytes: [UInt8]) -> Int {
        var (count, isText, isEscaped) = (0, false, false)
        for byte in bytes {
            if isEscaped {
                isEscaped = false
            } else if isText {
                isEscaped = byte == 0x5C
                isText = byte != 0x22
            } else if byte == 0x22 {
                isText = true
            } else if byte == 0x3A {
                count += 1
            }
        }
        return count
    }

    @Test("members are found unique only where Foundation keeps as many as are spelled, and always where it wrote them")
    func members() async throws {
        let fuzzer = Fuzzer(
            "members",
            texts: [
                "{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":\"JWT\"}", "{\"a\":1,\"\\u0061\":2}",
                "{\"a\":{\"b\":[1,{\"c\":null}]},\"b\":-1.5e3}",
                "[[[[]]],{}]", "\"\\ud83d\\ude00\"", "{\"é\":1,\"e\u{301}\":2}", "{\"\":1,\" \":2}",
                "{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", "1", "",
                "{\"a\":1}x",
                String(repeating: "[", count: 32) + String(repeating: "]", count: 32),
            ],
            tokens: Self.tokens)
        try await fuzzer.run { trial in
            let areUnique = JSONMembers.areUnique(in: trial.bytes)
            // Foundation takes UTF-16 too, and a mark before UTF-8; ours is stricter.
            guard !trial.bytes.contains(0), trial.bytes.first != 0xEF,
                let value = try? JSONSerialization.jsonObject(with: Data(trial.bytes), options: .fragmentsAllowed)
            else { return }
            let (kept, depth) = Self.census(value)
            guard depth <= 33 else { return try hold(!areUnique, "what is too deep is refused") }
            // Names that Unicode takes for the same Foundation keeps once; ours are told apart by their units.
            if areUnique, trial.bytes.allSatisfy({ $0 < 0x80 }), !trial.text.contains("\\u") {
                try hold(Self.colons(trial.bytes) == kept, "\(kept) members are kept")
            }
            guard depth <= 32 else { return }
            let written = try JSONSerialization.data(withJSONObject: value, options: .fragmentsAllowed)
            try hold(JSONMembers.areUnique(in: written), "what Foundation writes has no double meaning")
        }
    }

    @Test("tokens that are taken apart have one algorithm, one key and no double meaning")
    func parts() async throws {
        let headers = [
            "{\"alg\":\"RS256\",\"kid\":\"a\",\"typ\":\"JWT\"}", "{\"alg\":\"none\",\"kid\":\"a\"}",
            "{\"alg\":\"RS256\",\"kid\":\"a\",\"crit\":null}",
            "{\"alg\":\"RS256\",\"alg\":\"none\",\"kid\":\"a\"}",
            "{\"alg\":\"RS256\",\"kid\":\"\\u0061\",\"typ\":\"at+JWT\"}", "{\"alg\":1}",
        ]
        let whole = headers.map { Base64URLText.encode(Array($0.utf8)) + ".e30.c2ln" }
        let fuzzer = Fuzzer(
            "token-parts", texts: headers + whole + ["..", "a.b.c", ""], tokens: Self.tokens + [".", "e30", "=="])
        try await fuzzer.run { trial in
            for text in [trial.text, Base64URLText.encode(trial.bytes) + ".e30.c2ln"] {
                guard let parts = try? TokenParts(text) else { continue }
                let pieces = text.split(separator: ".", omittingEmptySubsequences: false)
                let header = try #require(Base64URL.decode(String(pieces[0])))
                // Half a surrogate in a member that nobody reads is no fault; this reader reads all.
                guard let value = try? JSON(header) else { continue }
                try hold(value["alg"] == "RS256" && !value.names.contains("crit"), "it is RS256, and asks for nothing")
                try hold(value["kid"] == .string(parts.keyID) && !parts.keyID.isEmpty, "its key is \(parts.keyID)")
                try hold(JSONMembers.areUnique(in: header) && pieces.count == 3, "it says one thing")
                try hold(Base64URLText.encode(parts.payload) == String(pieces[1]), "its payload is spelled once")
            }
        }
    }

    @Test("of a key set only keys are kept that could verify something, and nothing in it traps")
    func keySets() async throws {
        let key = try await SigningKeyFile.make()
        let set = JSON.object([
            "keys": .array([key.jwk("a"), key.jwk("b", ["use": "enc"]), ["kty": "EC", "kid": "c"]])
        ])
        var fuzzer = Fuzzer(
            "key-sets",
            texts: [
                set.description, "{\"keys\":[]}",
                "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"AQ\",\"e\":\"\"}]}", "{\"keys\":null}",
                JSON.object(["keys": .array([key.jwk("a", ["e": "AA"]), key.jwk("a", ["e": "Aw"]), key.jwk("d")])])
                    .description,
            ],
            tokens: Self.tokens + ["\"n\":", "\"e\":", "AQAB", "\"AA\"", "\"\"", "\"kty\":\"RSA\""])
        fuzzer.longest = 4_096
        try await fuzzer.run { trial in
            guard let keys = try? await SigningKeys(document: trial.bytes) else { return }
            try hold(keys.count <= trial.bytes.count / 300, "\(keys.count) keys of \(trial.bytes.count) bytes")
            for id in ["a", "b", "d", ""] {
                let claims = await keys[id]?.verify("\(Base64URLText.encode(trial.bytes)).e30.AAAA")
                try hold(claims == nil, "nothing is verified that nobody signed")
            }
            try hold(keys[""] == nil, "no key has no name")
        }
    }

    @Test("a wish for a link is read or refused, and its terms keep to the policy")
    func linkRequests() async throws {
        let policy = try Policy(file: PolicyFuzz.file, environment: [:])
        let fuzzer = Fuzzer(
            "link-requests",
            texts: [
                "{\"object\":\"input\",\"operation\":\"download\",\"ttl_seconds\":60,\"disposition\":\"inline\",\"once\":true}",
                "{\"links\":[{\"job_id\":\"42\",\"object\":\"transcript\"},{\"job_id\":\"43\",\"object\":\"input\",\"operation\":\"upload\",\"max_bytes\":5}]}",
                "{\"object\":\"input\",\"operation\":\"upload\",\"max_bytes\":9223372036854775807}", "{}", "[]", "null",
                "",
            ],
            tokens: Self.tokens + [
                "\"ttl_seconds\":", "\"max_bytes\":", "\"once\":", "-1", "\"object\":", "\"links\":[",
            ])
        try await fuzzer.run { trial in
            let body = ByteBuffer(bytes: trial.bytes)
            var wishes = (try? LinkRequest.decode(LinkRequest.Batch.self, from: body))?.links ?? []
            if let wish = try? LinkRequest.decode(LinkRequest.self, from: body) { wishes.append(wish) }
            for wish in wishes {
                guard let terms = try? wish.terms(policy) else { continue }
                try hold((.seconds(1)...policy.links.maximumTTL).contains(terms.ttl), "it lives \(terms.ttl)")
                try hold(policy.rule(for: terms.object) != nil, "the policy knows \(terms.object)")
                try hold(
                    terms.maximumBytes.map { $0 > 0 && terms.operation == .upload } ?? true, "its bytes are an upload's"
                )
            }
        }
    }
}
