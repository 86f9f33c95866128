import CustodeTesting
import Identity
import Testing

@testable import CustodeCore

@Suite("fuzzing links", .serialized)
struct LinkFuzz {
    private static let now = Timestamp(seconds: 1_795_000_000)

    private struct StoppedClock: WallClock {
        func now() -> Timestamp { LinkFuzz.now }
    }

    private static let keys: [KeyRing.Key] = [KeyRing.State.active, .next, .retiring, .revoked].enumerated().map {
        KeyRing.Key(id: UInt16($0 + 1), secret: [UInt8](repeating: UInt8($0), count: 32), state: $1, createdAt: now)
    }

    private static func ring() throws -> LinkKeys { LinkKeys(try #require(KeyRing(keys: keys))) }

    private static func signer(_ keys: LinkKeys) -> LinkSigner {
        LinkSigner(authenticator: keys, deployment: "here", maximumTTL: .seconds(900), clock: StoppedClock())
    }

    private static func claims(_ job: String, _ object: String = "input", expires: UInt32 = 100) throws -> LinkClaims {
        LinkClaims(
            operation: .download, expires: UInt32(now.seconds) + expires, job: try #require(JobID(job)),
            object: try #require(ObjectName(object)), epoch: 3, owner: 0xDEAD_BEEF, nonce: [1, 2, 3, 4, 5, 6])
    }

    private static func samples() throws -> [LinkClaims] {
        var upload = try claims("0198c0de-0000-7000-8000-00000000abcd")
        upload.operation = .upload
        upload.maximumBytes = 5 << 30
        upload.once = true
        return [
            try claims("0198c0de-0000-7000-8000-00000000abcd"), upload, try claims("42", "transcript"),
            try claims("job-é-👩‍🎤", "summary_v2"), try claims("-9223372036854775808", "srt"),
            try claims(String(repeating: "j", count: 300), "translation", expires: 900),
        ]
    }

    @Test("no token verifies but the genuine ones, and what verifies is signed to the same text")
    func tokens() async throws {
        let keys = try Self.ring()
        let signer = Self.signer(keys)
        let samples = try Self.samples()
        let genuine = try samples.map { (claims: $0, token: try #require(signer.sign($0))) }
        let texts = genuine.map(\.token)
        let messages = samples.flatMap { claims in (0...4).map { claims.encoded(key: UInt16($0)) } }
        let fuzzer = Fuzzer(
            "tokens", corpus: texts.map { Array($0.utf8) } + texts.compactMap(Base64URL.decode) + messages,
            tokens: [
                [0], [1, 0, 1, 1], [1, 0, 1, 2], [255, 4], Array("==".utf8), Array("AAAA".utf8), Array("-_".utf8),
            ])
        try await fuzzer.run { trial in
            for text in [trial.text, Base64URL.encode(trial.bytes)] {
                for operation in LinkOperation.allCases {
                    for evenIfExpired in [false, true] {
                        guard
                            let claims = try? signer.verify(text, for: operation, evenIfExpired: evenIfExpired)
                        else { continue }
                        let known = genuine.first { same($0.token, text) }
                        try hold(known?.claims == claims, "only genuine tokens verify")
                        try hold(claims.operation == operation, "a token is for its operation alone")
                        try hold(signer.sign(claims).map { same($0, text) } == true, "it is signed to the same text")
                    }
                }
            }
            // Even what our own key vouches for is read with care.
            for operation in LinkOperation.allCases {
                let context = Array("custode-link-v1\0here\0".utf8)
                let tag = keys.tag(context + trial.bytes, key: 1, operation: operation) ?? []
                let token = Base64URL.encode(trial.bytes + tag.prefix(LinkSigner.tagLength))
                guard let claims = try? signer.verify(token, for: operation) else { continue }
                try hold(claims.operation == operation, "a tag is for its operation alone")
                try hold(claims.expires <= UInt32(Self.now.seconds) + 900, "no link outlives the longest life")
            }
        }
    }

    @Test("whatever bytes are read as claims, they are written so that they read the same")
    func wire() async throws {
        let fuzzer = Fuzzer(
            "claims", corpus: try Self.samples().map { $0.encoded(key: 1) },
            tokens: [[0, 0, 36], [1], [2], [255, 5], Array("input".utf8), [0xFF, 0xFF, 0xFF, 0xFF]])
        try await fuzzer.run { trial in
            let embedded = ([9, 9] + trial.bytes).dropFirst(2)
            guard let claims = LinkClaims(encoded: embedded) else { return }
            let again = claims.encoded(key: 7)
            try hold(LinkClaims(encoded: again[...]) == claims, "claims come back")
            try hold(again.count <= max(trial.bytes.count, 24 + 300), "nothing grows")
        }
    }

    @Test("claims of any job and object come back from their token as they were")
    func roundTrip() async throws {
        let signer = Self.signer(try Self.ring())
        let fuzzer = Fuzzer(
            "claims-of-any", texts: try Self.samples().map(\.job.text) + ["007", "-0", "+1", "A-B"],
            tokens: ["-", "0198C0DE-0000-7000-8000-00000000ABCD", "9223372036854775808", "0000"])
        try await fuzzer.run { trial in
            guard let job = JobID(trial.text) else { return }
            var random = trial.random
            let objects = ["input", "transcript", "json", "srt", "a", String(repeating: "z", count: 32)]
            let claims = LinkClaims(
                operation: Bool.random(using: &random) ? .upload : .download,
                expires: UInt32(Self.now.seconds) + UInt32.random(in: 1...900, using: &random), job: job,
                object: try #require(objects.randomElement(using: &random).flatMap(ObjectName.init)),
                disposition: Bool.random(using: &random) ? .inline : .attachment, epoch: random.next(upperBound: .max),
                owner: random.next(upperBound: .max), nonce: random.bytes(6), once: Bool.random(using: &random),
                maximumBytes: Bool.random(using: &random) ? Int64.random(in: 0 ... .max, using: &random) : nil)
            guard let token = signer.sign(claims) else {
                try hold(job.text.utf8.count > 400, "only long ids have no token")
                return
            }
            try hold(try signer.verify(token, for: claims.operation) == claims, "claims come back")
            let other: LinkOperation = claims.operation == .upload ? .download : .upload
            try hold((try? signer.verify(token, for: other)) == nil, "a token is for its operation alone")
        }
    }
}
