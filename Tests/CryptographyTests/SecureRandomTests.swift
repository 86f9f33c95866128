import Cryptography
import Testing

@Suite("secrets")
struct SecureRandomTests {
    @Test("as many bytes as asked for, and other ones each time")
    func random() {
        for count in [0, 1, 6, 32, 4_096] { #expect(SecureRandom.bytes(count).count == count) }
        #expect(Set((0..<1_000).map { _ in SecureRandom.bytes(16) }).count == 1_000)
    }

    @Test("two secrets are equal if every byte is")
    func equality() {
        let secret = SecureRandom.bytes(32)
        #expect(constantTimeEquals(secret, secret))
        #expect(constantTimeEquals([], []))
        for place in secret.indices {
            for bit in 0..<8 {
                var other = secret
                other[place] ^= 1 << bit
                #expect(!constantTimeEquals(secret, other))
            }
        }
        for length in 0..<32 { #expect(!constantTimeEquals(secret, Array(secret.prefix(length)))) }
        #expect(!constantTimeEquals(secret, secret + [0]))
        #expect(!constantTimeEquals([], [0]))
    }
}
