import Cryptography
import Testing

@Suite("SHA-256 (FIPS 180-4)")
struct SHA256Tests {
    static let vectors: [([UInt8], String)] = [
        ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (Array("abc".utf8), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            Array(
                ("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
                    + "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu").utf8),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        ([0xBD], "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"),
        (
            [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        ),
    ]

    @Test("the standard's vectors", arguments: vectors.indices)
    func vector(index: Int) {
        let (message, digest) = Self.vectors[index]
        #expect(hex(SHA256.hash(message)) == digest)
    }

    @Test("a message that comes in pieces has the digest of the whole, however it is cut")
    func incremental() {
        let message = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let whole = SHA256.hash(message)
        for cut in 0...message.count {
            for second in [cut, min(cut + 1, 300), min(cut + 63, 300), min(cut + 64, 300)] {
                var hasher = SHA256()
                for piece in [message[..<cut], message[cut..<second], message[second...]] {
                    Array(piece).withUnsafeBytes { hasher.update($0) }
                }
                #expect(hasher.finalize() == whole)
            }
        }
    }

    @Test("no bytes at all add nothing")
    func emptyPieces() {
        var hasher = SHA256()
        hasher.update(UnsafeRawBufferPointer(start: nil, count: 0))
        Array("abc".utf8).withUnsafeBytes { hasher.update($0) }
        hasher.update(UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(hasher.finalize() == SHA256.hash(Array("abc".utf8)))
    }

    @Test("a digest is gone on with from its state, wherever the message was cut")
    func resumed() throws {
        let message = (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let whole = SHA256.hash(message)
        for cut in 0...message.count {
            var first = SHA256()
            Array(message[..<cut]).withUnsafeBytes { first.update($0) }
            let state = first.state
            guard var second = SHA256(state: state) else {
                Issue.record("no state of \(cut) bytes")
                return
            }
            Array(message[cut...]).withUnsafeBytes { second.update($0) }
            let digest = second.finalize()
            #expect(digest == whole)
        }
    }

    @Test("what is no state is none", arguments: [0, 1, 112, 114, 1_000])
    func noState(count: Int) {
        let isState = SHA256(state: [UInt8](repeating: 1, count: count)) != nil
        #expect(!isState)
    }

    @Test("digests under way at once do not touch each other")
    func interleaved() {
        var left = SHA256()
        var right = SHA256()
        for byte in UInt8(0)..<200 {
            withUnsafeBytes(of: byte) { left.update($0) }
            withUnsafeBytes(of: ~byte) { right.update($0) }
        }
        #expect(left.finalize() == SHA256.hash(Array(0..<200)))
        #expect(right.finalize() == SHA256.hash((UInt8(0)..<200).map { ~$0 }))
    }
}

/// Bytes as lower-case hexadecimal.
func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
