import Cryptography
import Testing

@Suite("SHA-1 (FIPS 180-4)")
struct SHA1Tests {
    @Test(
        "the standard's vectors, in pieces",
        arguments: [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
            ),
        ])
    func vector(message: String, digest: String) {
        var hasher = SHA1()
        for byte in message.utf8 { [byte].withUnsafeBytes { hasher.update($0) } }
        let found = hex(hasher.finalize())
        #expect(found == digest)
    }
}
