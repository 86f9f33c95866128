import Testing

@testable import CustodeCore

@Suite("the ring of link keys")
struct KeyRingTests {
    private let random = CountingRandom()
    private let now = Timestamp(seconds: 1_795_000_000)

    private func states(_ ring: KeyRing) -> [UInt16: KeyRing.State] {
        Dictionary(uniqueKeysWithValues: ring.keys.map { ($0.id, $0.state) })
    }

    private func key(_ id: UInt16, _ state: KeyRing.State, secret: Int = 32) -> KeyRing.Key {
        KeyRing.Key(id: id, secret: [UInt8](repeating: 7, count: secret), state: state, createdAt: now)
    }

    @Test("a fresh ring has an active and a next key with secrets of their own")
    func fresh() {
        let ring = KeyRing(random: random, now: now)
        #expect(states(ring) == [1: .active, 2: .next])
        #expect(ring.keys[0].secret != ring.keys[1].secret && ring.keys.allSatisfy { $0.secret.count == 32 })
        #expect(ring.active?.id == 1)
    }

    @Test("rotating lets the next key sign and the active one retire, and makes the next one")
    func rotate() {
        var ring = KeyRing(random: random, now: now)
        var active = ring.rotate(random: random, now: now)
        #expect(active == 2)
        #expect(states(ring) == [1: .retiring, 2: .active, 3: .next])
        active = ring.rotate(random: random, now: now)
        #expect(active == 3)
        #expect(states(ring) == [1: .retiring, 2: .retiring, 3: .active, 4: .next])
        #expect(Set(ring.keys.map(\.secret)).count == 4)
    }

    @Test("a retiring key still verifies, a revoked one verifies nothing")
    func verifying() {
        #expect(key(1, .next).verifies && key(1, .active).verifies && key(1, .retiring).verifies)
        #expect(!key(1, .revoked).verifies)
    }

    @Test("revoking the active key lets the next one sign first")
    func revokeActive() {
        var ring = KeyRing(random: random, now: now)
        let isRevoked = ring.revoke(1, random: random, now: now)
        #expect(isRevoked)
        #expect(states(ring) == [1: .revoked, 2: .active, 3: .next])
    }

    @Test("revoking the next key makes another, and the active one stays")
    func revokeNext() {
        var ring = KeyRing(random: random, now: now)
        let isRevoked = ring.revoke(2, random: random, now: now)
        #expect(isRevoked)
        #expect(states(ring) == [1: .active, 2: .revoked, 3: .next])
    }

    @Test("revoking a key that is not there changes nothing")
    func revokeUnknown() {
        var ring = KeyRing(random: random, now: now)
        let before = ring
        let isRevoked = ring.revoke(99, random: random, now: now)
        #expect(!isRevoked)
        #expect(ring == before)
    }

    @Test("a revoked key's number is never used again")
    func numbersAreNotReused() {
        var ring = KeyRing(random: random, now: now)
        var numbers: Set<UInt16> = []
        for _ in 0..<50 {
            let active = ring.active?.id ?? 0
            #expect(numbers.insert(active).inserted)
            let isRevoked = ring.revoke(active, random: random, now: now)
            #expect(isRevoked)
            #expect(KeyRing(keys: ring.keys) != nil)
        }
    }

    @Test("a stored ring must have exactly one active key, numbers that differ and secrets of 32 bytes")
    func stored() {
        #expect(KeyRing(keys: [key(1, .active)]) != nil)
        #expect(KeyRing(keys: [key(3, .retiring), key(9, .active), key(2, .revoked)]) != nil)
        #expect(KeyRing(keys: []) == nil)
        #expect(KeyRing(keys: [key(1, .next)]) == nil)
        #expect(KeyRing(keys: [key(1, .active), key(2, .active)]) == nil)
        #expect(KeyRing(keys: [key(1, .active), key(1, .next)]) == nil)
        #expect(KeyRing(keys: [key(1, .active, secret: 31)]) == nil)
        #expect(KeyRing(keys: [key(1, .active), key(2, .revoked, secret: 0)]) == nil)
    }

    @Test("a ring without a next key can be rotated")
    func rotateWithoutNext() throws {
        var ring = try #require(KeyRing(keys: [key(7, .active)]))
        let active = ring.rotate(random: random, now: now)
        #expect(active == 8)
        #expect(states(ring) == [7: .retiring, 8: .active, 9: .next])
    }

    @Test("rotating a ring that holds several next keys leaves exactly one active")
    func rotateWithTwoNext() throws {
        guard var ring = KeyRing(keys: [key(1, .active), key(2, .next), key(3, .next)]) else { return }
        _ = ring.rotate(random: random, now: now)
        #expect(ring.keys.count { $0.state == .active } == 1)
        #expect(KeyRing(keys: ring.keys) != nil, "what rotation makes can be stored and read again")
    }

    @Test("numbers still differ when the highest one has been reached")
    func numbersRunOut() throws {
        var ring = try #require(KeyRing(keys: [key(65_534, .active), key(65_535, .next)]))
        for _ in 0..<3 { _ = ring.rotate(random: random, now: now) }
        #expect(KeyRing(keys: ring.keys) != nil)
    }
}
