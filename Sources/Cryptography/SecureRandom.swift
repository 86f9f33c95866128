internal import CLibCrypto

/// Unpredictable bytes from OpenSSL's generator, which the kernel seeds.
public enum SecureRandom {
    /// Returns `count` unpredictable bytes.
    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            guard count == 0 || RAND_bytes(buffer.baseAddress, Int32(count)) == 1 else {
                cryptographyUnavailable("random bytes")
            }
            initialized = count
        }
    }
}

/// Compares two secrets without telling by the time it takes where they differ.
///
/// Their lengths are not secret.
public func constantTimeEquals(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    return left.withUnsafeBytes { left in
        right.withUnsafeBytes { right in
            left.isEmpty || CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
        }
    }
}
