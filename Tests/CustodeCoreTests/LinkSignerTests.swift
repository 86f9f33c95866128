import CustodeTesting
import Testing

@testable import CustodeCore

@Suite("links that verify were made here, for this, and are in their time")
struct LinkSignerTests {
    private let clock = ManualClock()
    private let maximum: Duration = .seconds(900)

    private func signer(_ keys: TestKeys = TestKeys(), deployment: String = "https://files.example") -> LinkSigner {
        LinkSigner(authenticator: keys, deployment: deployment, maximumTTL: maximum, clock: clock)
    }

    private func claims(
        _ operation: LinkOperation = .download, job: String = LinkClaimsTests.sampleJobs[0],
        ttl: Duration = .seconds(120)
    ) throws -> LinkClaims {
        try LinkClaimsTests.claims(operation, job: job, expires: signer().expiry(ttl: ttl))
    }

    private func token(_ claims: LinkClaims, by signer: LinkSigner? = nil) throws -> String {
        try #require((signer ?? self.signer()).sign(claims))
    }

    private func outcome(
        _ token: some StringProtocol, for operation: LinkOperation = .download, by signer: LinkSigner? = nil
    ) -> Result<LinkClaims, Refusal> {
        Result { () throws(Refusal) in try (signer ?? self.signer()).verify(String(token), for: operation) }
    }

    @Test("a link comes back as it was made", arguments: LinkClaimsTests.sampleJobs, LinkOperation.allCases)
    func roundTrip(job: String, operation: LinkOperation) throws {
        let claims = try claims(operation, job: job)
        #expect(outcome(try token(claims), for: operation) == .success(claims))
    }

    @Test("a token for a job with a uuid has 70 to 90 characters, all of them safe in a path")
    func length() throws {
        let token = try token(try claims())
        #expect((70...90).contains(token.utf8.count), "\(token.utf8.count)")
        var once = try claims(.upload)
        once.once = true
        #expect((70...90).contains(try self.token(once).utf8.count))
        #expect(token.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") })
    }

    @Test("every single bit flipped is refused, in the bytes and in the letters")
    func bitFlips() throws {
        for job in [LinkClaimsTests.sampleJobs[0], "42", "job-7"] {
            let token = try token(try claims(job: job))
            let bytes = try #require(Base64URL.decode(token))
            for place in bytes.indices {
                for bit in 0..<8 {
                    var flipped = bytes
                    flipped[place] ^= 1 << bit
                    #expect(outcome(Base64URL.encode(flipped)) == .failure(.badLink))
                }
            }
            let letters = Array(token.utf8)
            for place in letters.indices {
                for bit in 0..<8 {
                    var flipped = letters
                    flipped[place] ^= 1 << bit
                    #expect(outcome(String(decoding: flipped, as: UTF8.self)) == .failure(.badLink))
                }
            }
        }
    }

    @Test("a token cut short anywhere, extended, doubled, empty or huge is refused")
    func lengths() throws {
        let token = try token(try claims())
        for length in 0..<token.utf8.count { #expect(outcome(token.prefix(length)) == .failure(.badLink)) }
        for tail in ["A", "AA", "AAA", "AAAA", "=", "==", ".", "%00", "\0", " ", "/", token] {
            #expect(outcome(token + tail) == .failure(.badLink))
            #expect(outcome(tail + token) == .failure(.badLink))
        }
        #expect(outcome(String(repeating: "A", count: 65_536)) == .failure(.badLink))
        #expect(outcome(token + String(repeating: "A", count: 65_536)) == .failure(.badLink))
    }

    @Test("a token spelled in the other base64, or with loose bits, is refused")
    func spelling() throws {
        let token = try token(try claims(job: "42"))
        #expect(outcome(token + "==") == .failure(.badLink))
        let last = try #require(token.utf8.last)
        if token.utf8.count % 4 != 0 {
            for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8 where letter != last {
                let respelled = String(decoding: Array(token.utf8.dropLast()) + [letter], as: UTF8.self)
                #expect(outcome(respelled) == .failure(.badLink))
            }
        }
    }

    @Test("a link ends with its second, without leeway")
    func expiry() throws {
        let claims = try claims(ttl: .seconds(120))
        let token = try token(claims)
        clock.advance(.seconds(119))
        #expect(outcome(token) == .success(claims))
        clock.advance(.microseconds(999_999))
        #expect(outcome(token) == .success(claims))
        clock.advance(.microseconds(1))
        #expect(outcome(token) == .failure(.linkExpired))
        clock.advance(.seconds(1))
        #expect(outcome(token) == .failure(.linkExpired))
    }

    @Test("a link that never had time is past it: expiry 0")
    func expiryZero() throws {
        var claims = try claims()
        claims.expires = 0
        #expect(outcome(try token(claims)) == .failure(.linkExpired))
    }

    @Test("a life beyond the policy's maximum is refused even with a good tag: expiry 2^32-1")
    func beyondMaximum() throws {
        var claims = try claims()
        claims.expires = .max
        #expect(outcome(try token(claims)) == .failure(.badLink))
        let longest = signer().expiry(ttl: maximum)
        claims.expires = longest
        #expect(outcome(try token(claims)) == .success(claims))
        claims.expires = longest + 1
        #expect(outcome(try token(claims)) == .failure(.badLink))
    }

    @Test("a link of the longest life is good in the middle of a second too")
    func longestLifeMidSecond() throws {
        clock.advance(.milliseconds(300))
        let claims = try claims(ttl: maximum)
        #expect(outcome(try token(claims)) == .success(claims))
    }

    @Test("the expiry is the second, rounded up, and never wraps")
    func expiryOfTTL() {
        clock.set(Timestamp(microseconds: 1_500_000))
        #expect(signer().expiry(ttl: .seconds(1)) == 3)
        clock.set(Timestamp(seconds: 1))
        #expect(signer().expiry(ttl: .seconds(1)) == 2)
        clock.set(Timestamp(seconds: 4_294_967_290))
        #expect(signer().expiry(ttl: .seconds(900)) == .max)
        clock.set(Timestamp(seconds: -5))
        #expect(signer().expiry(ttl: .seconds(1)) == 0)
    }

    @Test("a download token cannot upload, and an upload token cannot download")
    func operations() throws {
        #expect(outcome(try token(try claims(.download)), for: .upload) == .failure(.badLink))
        #expect(outcome(try token(try claims(.upload)), for: .download) == .failure(.badLink))
    }

    @Test("a tag made for one operation does not fit the other's claims")
    func crossedOperations() throws {
        let download = try #require(Base64URL.decode(try token(try claims(.download))))
        var crossed = download
        crossed[LinkClaims.operationOffset] = LinkOperation.upload.rawValue
        #expect(outcome(Base64URL.encode(crossed), for: .upload) == .failure(.badLink))
    }

    @Test("a swapped key id is refused, whether the other key is known or not")
    func swappedKey() throws {
        let bytes = try #require(Base64URL.decode(try token(try claims())))
        for key in [0, 2, 3, 255, 256, 65_535] {
            var swapped = bytes
            swapped[1] = UInt8(key >> 8)
            swapped[2] = UInt8(key & 255)
            #expect(outcome(Base64URL.encode(swapped)) == .failure(.badLink))
        }
    }

    @Test("a link by a key that is gone is refused; by one that only retired it is good")
    func keysComeAndGo() throws {
        let claims = try claims()
        let token = try token(claims)
        #expect(outcome(token, by: signer(TestKeys(activeKey: 2))) == .success(claims))
        #expect(outcome(token, by: signer(TestKeys(activeKey: 2, secrets: [2: "two"]))) == .failure(.badLink))
        #expect(outcome(token, by: signer(TestKeys(secrets: [1: "another"]))) == .failure(.badLink))
    }

    @Test("without a key that may sign there is no token")
    func nothingToSignWith() throws {
        #expect(signer(TestKeys(activeKey: 9)).sign(try claims()) == nil)
    }

    @Test("another deployment's link is refused, even under the same keys")
    func deployments() throws {
        let token = try token(try claims())
        for other in ["https://files.example.org", "", "https://files.exampl", "https://files.example\0"] {
            #expect(outcome(token, by: signer(deployment: other)) == .failure(.badLink))
        }
    }

    @Test("a job too long for a link gets no token, rather than one that is never good")
    func tooLongJob() throws {
        for length in [400, 480, 481, 482, 483, 484, 485, 490, 512, 600, 65_536] {
            let claims = try claims(job: String(repeating: "x", count: length))
            guard let token = signer().sign(claims) else { continue }
            #expect(outcome(token) == .success(claims), "of \(length) bytes")
        }
    }

    @Test("no text makes the verifier trap, and none is believed")
    func fuzz() throws {
        var random = SeededGenerator(seed: 6)
        let good = try #require(Base64URL.decode(try token(try claims())))
        let signer = signer()
        for round in 0..<20_000 {
            var bytes = random.bytes(Int.random(in: 0...600, using: &random))
            if round % 2 == 0 {
                bytes = good
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    let place = Int.random(in: 0..<bytes.count, using: &random)
                    bytes[place] ^= UInt8.random(in: 1...255, using: &random)
                }
                if bytes == good { continue }
            }
            let text = round % 3 == 0 ? String(decoding: bytes, as: UTF8.self) : Base64URL.encode(bytes)
            if case .success = outcome(text, by: signer) { Issue.record("believed: \(text)") }
        }
    }
}
