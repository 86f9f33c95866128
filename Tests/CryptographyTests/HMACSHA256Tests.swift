import Cryptography
import Testing

@Suite("HMAC-SHA-256 (RFC 4231) and HKDF (RFC 5869)")
struct HMACSHA256Tests {
    static let tags: [(key: [UInt8], message: [UInt8], tag: String)] = [
        (
            [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            Array(1...25), [UInt8](repeating: 0xCD, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131),
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131),
            Array(
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ]

    @Test("the RFC's tags", arguments: tags.indices)
    func tag(index: Int) {
        let vector = Self.tags[index]
        #expect(hex(HMACSHA256(key: vector.key).authenticate(vector.message)) == vector.tag)
    }

    @Test("the RFC's tag that is cut to 128 bits")
    func truncated() {
        let tag = HMACSHA256(key: [UInt8](repeating: 0x0C, count: 20)).authenticate(Array("Test With Truncation".utf8))
        #expect(hex(Array(tag.prefix(16))) == "a3b6167473100ee06e0c796c2955552b")
    }

    @Test("a key serves any number of messages, from many tasks at once")
    func reuse() async {
        let key = HMACSHA256(key: Self.tags[0].key)
        await withTaskGroup(of: Bool.self) { group in
            for round in 0..<200 {
                group.addTask {
                    let other = key.authenticate([UInt8(truncatingIfNeeded: round)])
                    return hex(key.authenticate(Self.tags[0].message)) == Self.tags[0].tag
                        && hex(other) != Self.tags[0].tag
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    @Test("an empty key and an empty message have a tag")
    func empty() {
        #expect(
            hex(HMACSHA256(key: []).authenticate([]))
                == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
    }

    @Test("RFC 5869, case 1: a salt and an info")
    func derive() {
        let output = HMACSHA256.derive(
            from: [UInt8](repeating: 0x0B, count: 22), salt: Array(0...12), info: Array(0xF0...0xF9), count: 42)
        #expect(
            hex(output)
                == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    }

    @Test("RFC 5869, case 2: longer inputs and output")
    func deriveLonger() {
        let output = HMACSHA256.derive(
            from: Array(0x00...0x4F), salt: Array(0x60...0xAF), info: Array(0xB0...0xFF), count: 82)
        #expect(
            hex(output)
                == "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                + "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
        )
    }

    @Test("RFC 5869, case 3: neither salt nor info")
    func deriveBare() {
        let output = HMACSHA256.derive(from: [UInt8](repeating: 0x0B, count: 22), info: [], count: 42)
        #expect(
            hex(output)
                == "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
    }

    @Test("a shorter output is the beginning of a longer one, up to the most there can be")
    func lengths() {
        let longest = HMACSHA256.derive(from: [1], info: [2], count: 8_160)
        #expect(longest.count == 8_160)
        for count in [1, 31, 32, 33, 64, 8_159] {
            #expect(HMACSHA256.derive(from: [1], info: [2], count: count) == Array(longest.prefix(count)))
        }
        #expect(HMACSHA256.derive(from: [1], info: [3], count: 32) != Array(longest.prefix(32)))
    }
}
