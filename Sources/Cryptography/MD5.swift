internal import CLibCrypto

/// MD5 (RFC 1321), where a protocol demands it as a checksum against accidents; it holds off nobody.
public enum MD5 {
    /// The 16 bytes of a whole message's digest.
    public static func hash(_ message: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            var length: UInt32 = 0
            guard EVP_Digest(message, message.count, buffer.baseAddress, &length, EVP_md5(), nil) == 1 else {
                cryptographyUnavailable("MD5")
            }
            count = Int(length)
        }
    }
}
