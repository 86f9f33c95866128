internal import CLibCrypto

/// HMAC-SHA-256 (RFC 2104) under one key, on OpenSSL; safe to share between threads.
///
/// The key schedule is computed once. Each call works on a copy of it.
public final class HMACSHA256: Sendable {
    /// The length of a full tag in bytes.
    public static let byteCount = 32

    // Written in `init`, afterwards only read by EVP_MAC_CTX_dup, which leaves its source as it is.
    nonisolated(unsafe) private let keyed: OpaquePointer

    /// Prepares the key, of any length.
    public init(key: [UInt8]) {
        // Both outlive the call that puts them into the parameter, which keeps their addresses.
        let (field, name) = (Array(OSSL_MAC_PARAM_DIGEST.utf8CString), Array("SHA256".utf8CString))
        let algorithm = EVP_MAC_fetch(nil, "HMAC", nil)
        defer { EVP_MAC_free(algorithm) }
        guard let context = EVP_MAC_CTX_new(algorithm) else { cryptographyUnavailable("HMAC") }
        let ready = field.withUnsafeBufferPointer { field in
            name.withUnsafeBufferPointer { digest in
                let parameters = [
                    OSSL_PARAM_construct_utf8_string(
                        field.baseAddress, UnsafeMutablePointer(mutating: digest.baseAddress), 0),
                    OSSL_PARAM_construct_end(),
                ]
                return EVP_MAC_init(context, key, key.count, parameters)
            }
        }
        guard ready == 1 else { cryptographyUnavailable("HMAC-SHA-256") }
        keyed = context
    }

    deinit { EVP_MAC_CTX_free(keyed) }

    /// The 32-byte tag of a message.
    public func authenticate(_ message: [UInt8]) -> [UInt8] {
        guard let context = EVP_MAC_CTX_dup(keyed) else { cryptographyUnavailable("HMAC-SHA-256") }
        defer { EVP_MAC_CTX_free(context) }
        return [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            guard EVP_MAC_update(context, message, message.count) == 1,
                EVP_MAC_final(context, buffer.baseAddress, &count, buffer.count) == 1
            else { cryptographyUnavailable("HMAC-SHA-256") }
        }
    }
}

extension HMACSHA256 {
    /// HKDF-SHA-256 (RFC 5869): derives `count` bytes (at most 8,160) from a secret for one purpose.
    public static func derive(from secret: [UInt8], salt: [UInt8] = [], info: [UInt8], count: Int) -> [UInt8] {
        precondition((1...255 * byteCount).contains(count), "RFC 5869 §2.3 bounds the output")
        let salted = salt.isEmpty ? [UInt8](repeating: 0, count: byteCount) : salt
        let expand = HMACSHA256(key: HMACSHA256(key: salted).authenticate(secret))
        var output: [UInt8] = []
        var block: [UInt8] = []
        var counter: UInt8 = 1
        while output.count < count {
            block = expand.authenticate(block + info + [counter])
            output += block
            counter &+= 1
        }
        return Array(output.prefix(count))
    }
}
