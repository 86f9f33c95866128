internal import CLibCrypto

/// An incremental SHA-256 (FIPS 180-4) on OpenSSL, for bodies that arrive in pieces.
///
/// Not shared between threads: the owner feeds it from one place at a time.
public struct SHA256: ~Copyable {
    /// The length of a digest in bytes.
    public static let byteCount = 32

    // Fetched once: OpenSSL 3 looks an algorithm up by name each time otherwise. Never changed after.
    nonisolated(unsafe) private static let algorithm = EVP_MD_fetch(nil, "SHA256", nil)

    private let context: OpaquePointer

    /// Starts an empty digest.
    public init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex2(context, Self.algorithm, nil) == 1 else {
            cryptographyUnavailable("SHA-256")
        }
        self.context = context
    }

    private init(context: OpaquePointer) { self.context = context }

    deinit { EVP_MD_CTX_free(context) }

    /// Another of the same bytes so far.
    public func copy() -> SHA256 {
        guard let twin = EVP_MD_CTX_new(), EVP_MD_CTX_copy_ex(twin, context) == 1 else {
            cryptographyUnavailable("SHA-256")
        }
        return SHA256(context: twin)
    }

    /// Adds bytes to what has been hashed so far.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        guard EVP_DigestUpdate(context, base, bytes.count) == 1 else { cryptographyUnavailable("SHA-256") }
    }

    /// Ends the digest and returns its 32 bytes.
    public consuming func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            var length: UInt32 = 0
            guard EVP_DigestFinal_ex(context, buffer.baseAddress, &length) == 1 else {
                cryptographyUnavailable("SHA-256")
            }
            count = Int(length)
        }
    }

    /// The digest of a whole message.
    public static func hash(_ message: [UInt8]) -> [UInt8] {
        var hasher = SHA256()
        message.withUnsafeBytes { hasher.update($0) }
        return hasher.finalize()
    }
}

/// Ends the process: without its primitives a signing service can promise nothing.
func cryptographyUnavailable(_ what: String) -> Never {
    // OpenSSL's primitives fail only when the provider is missing or memory is gone.
    preconditionFailure("OpenSSL cannot provide \(what); check that libcrypto 3 and its default provider are installed")
}
