internal import CLibCrypto

/// An incremental SHA-1 (FIPS 180-4) on OpenSSL: for checksums that clients of tus send, and for nothing that must be hard to forge.
public struct SHA1: ~Copyable {
    /// The length of a digest in bytes.
    public static let byteCount = 20

    private var context: SHA_CTX

    /// Starts an empty digest.
    public init() {
        context = SHA_CTX()
        guard SHA1_Init(&context) == 1 else { cryptographyUnavailable("SHA-1") }
    }

    /// Adds bytes to what has been hashed so far.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        guard SHA1_Update(&context, base, bytes.count) == 1 else { cryptographyUnavailable("SHA-1") }
    }

    /// Ends the digest and returns its 20 bytes.
    public consuming func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            guard SHA1_Final(buffer.baseAddress, &context) == 1 else { cryptographyUnavailable("SHA-1") }
            count = Self.byteCount
        }
    }
}
