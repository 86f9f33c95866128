import CustodeCore
import Identity
import Testing

@Suite("link keys at work")
struct LinkKeysTests {
    private struct StoppedClock: WallClock {
        func now() -> Timestamp { Timestamp(seconds: 1_795_000_000) }
    }

    private let now = Timestamp(seconds: 1_795_000_000)
    private let random = SystemRandom()

    private func signer(_ keys: LinkKeys) -> LinkSigner {
        LinkSigner(authenticator: keys, deployment: "here", maximumTTL: .seconds(900), clock: StoppedClock())
    }

    private func claims(_ operation: LinkOperation = .download) throws -> LinkClaims {
        LinkClaims(
            operation: operation, expires: 1_795_000_100, job: try #require(JobID("42")), object: .input, epoch: 0,
            owner: 1, nonce: [1, 2, 3, 4, 5, 6])
    }

    @Test("a tag is good for its message, its key and its operation, and for nothing else")
    func tags() throws {
        let keys = LinkKeys(KeyRing(random: random, now: now))
        let message = Array("message".utf8)
        let tag = try #require(keys.tag(message, key: 1, operation: .download))
        #expect(tag.count == 32)
        let short = Array(tag.prefix(LinkSigner.tagLength))
        #expect(keys.verify(short, of: message, key: 1, operation: .download))
        #expect(!keys.verify(short, of: message, key: 1, operation: .upload))
        #expect(!keys.verify(short, of: message, key: 2, operation: .download))
        #expect(!keys.verify(short, of: message, key: 99, operation: .download))
        #expect(!keys.verify(short, of: message + [0], key: 1, operation: .download))
        #expect(!keys.verify(tag, of: message, key: 1, operation: .download), "the whole tag is not what tokens carry")
        for length in 0..<LinkSigner.tagLength {
            #expect(!keys.verify(Array(tag.prefix(length)), of: message, key: 1, operation: .download))
        }
    }

    @Test("links live through a rotation, and end with the revocation of their key")
    func rotation() throws {
        var ring = KeyRing(random: random, now: now)
        let keys = LinkKeys(ring)
        let signer = signer(keys)
        let token = try #require(signer.sign(claims()))
        #expect(keys.activeKey == 1)

        _ = ring.rotate(random: random, now: now)
        keys.reload(ring)
        #expect(keys.activeKey == 2)
        #expect(try signer.verify(token, for: .download) == claims())
        let second = try #require(signer.sign(claims()))
        #expect(second != token)

        _ = ring.revoke(1, random: random, now: now)
        keys.reload(ring)
        #expect(throws: Refusal.badLink) { try signer.verify(token, for: .download) }
        #expect(try signer.verify(second, for: .download) == claims())
    }

    @Test("a link by the next key is good before that key signs: rings need not change at once everywhere")
    func nextKey() throws {
        var ring = KeyRing(random: random, now: now)
        let behind = LinkKeys(ring)
        _ = ring.rotate(random: random, now: now)
        let token = try #require(signer(LinkKeys(ring)).sign(claims()))
        #expect(try signer(behind).verify(token, for: .download) == claims())
    }

    @Test("a revoked key neither signs nor verifies")
    func revoked() throws {
        var ring = KeyRing(random: random, now: now)
        let token = try #require(signer(LinkKeys(ring)).sign(claims()))
        _ = ring.revoke(1, random: random, now: now)
        let keys = LinkKeys(ring)
        #expect(keys.activeKey == 2)
        #expect(keys.tag([1], key: 1, operation: .download) == nil)
        #expect(throws: Refusal.badLink) { try signer(keys).verify(token, for: .download) }
    }

    @Test("another ring's link is refused, whatever its numbers")
    func otherRing() throws {
        let token = try #require(signer(LinkKeys(KeyRing(random: random, now: now))).sign(claims(.upload)))
        #expect(throws: Refusal.badLink) {
            try signer(LinkKeys(KeyRing(random: random, now: now))).verify(token, for: .upload)
        }
    }

    @Test("the ring can be replaced while links are checked")
    func concurrentReload() async throws {
        let ring = KeyRing(random: random, now: now)
        let keys = LinkKeys(ring)
        let signer = signer(keys)
        let token = try #require(signer.sign(claims()))
        let expected = try claims()
        await withTaskGroup(of: Bool.self) { group in
            for round in 0..<400 {
                group.addTask {
                    if round % 4 == 0 { keys.reload(ring) }
                    return (try? signer.verify(token, for: .download)) == expected
                }
            }
            for await isGood in group { #expect(isGood) }
        }
    }
}
