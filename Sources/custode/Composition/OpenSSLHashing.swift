import Cryptography
import CustodeCore
import NIOCore

/// Fits OpenSSL's SHA-256 to the core's port.
struct OpenSSLHashing: Hashing {
    func begin() -> any RunningHash { Running() }

    private final class Running: RunningHash {
        private var hash: SHA256? = SHA256()

        func update(_ bytes: ByteBuffer) {
            unsafe bytes.withUnsafeReadableBytes { bytes in unsafe hash?.update(bytes) }
        }

        func finish() -> Digest {
            guard let bytes = hash.take()?.finalize(), let digest = Digest(bytes) else {
                preconditionFailure("a hash is finished once")
            }
            return digest
        }
    }
}
