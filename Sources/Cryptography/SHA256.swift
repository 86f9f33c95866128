internal import CLibCrypto

/// An incremental SHA-256 (FIPS 180-4) on OpenSSL, for bodies that arrive in pieces.
///
/// Its state can be kept between pieces and taken up by another process. Not shared between threads: the owner feeds it from
/// one place at a time.
public struct SHA256: ~Copyable {
    /// The length of a digest in bytes.
    public static let byteCount = 32

    private static let formatVersion: UInt8 = 1

    private var context: SHA256_CTX

    /// Starts an empty digest.
    public init() {
        context = SHA256_CTX()
        guard SHA256_Init(&context) == 1 else { cryptographyUnavailable("SHA-256") }
    }

    private init(context: SHA256_CTX) { self.context = context }

    /// Goes on from a ``state``; `nil` for what is none.
    public init?(state: [UInt8]) {
        var context = SHA256_CTX()
        let size = MemoryLayout<SHA256_CTX>.size
        guard state.count == size + 1, state[0] == Self.formatVersion else { return nil }
        withUnsafeMutableBytes(of: &context) { $0.copyBytes(from: state.dropFirst()) }
        guard context.md_len == Self.byteCount, context.num < 64 else { return nil }
        self.context = context
    }

    /// What has been hashed so far, for ``init(state:)`` on a machine of the same kind.
    public var state: [UInt8] { withUnsafeBytes(of: context) { [Self.formatVersion] + $0 } }

    /// Another of the same bytes so far.
    public func copy() -> SHA256 { SHA256(context: context) }

    /// Adds bytes to what has been hashed so far.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        guard SHA256_Update(&context, base, bytes.count) == 1 else { cryptographyUnavailable("SHA-256") }
    }

    /// Ends the digest and returns its 32 bytes.
    public consuming func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            guard SHA256_Final(buffer.baseAddress, &context) == 1 else { cryptographyUnavailable("SHA-256") }
            count = Self.byteCount
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
