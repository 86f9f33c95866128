import Cryptography
import CustodeCore
import NIOCore

/// Fits OpenSSL's digests to the core's ports.
struct OpenSSLHashing: Hashing, Checksumming {
    func begin() -> any RunningHash { Running() }

    func begin(_ algorithm: ChecksumAlgorithm) -> any RunningChecksum {
        switch algorithm {
        case .sha1: RunningSHA1()
        case .sha256: RunningSHA256()
        }
    }

    private final class RunningSHA1: RunningChecksum {
        private var hash: SHA1? = SHA1()

        func update(_ bytes: ByteBuffer) {
            unsafe bytes.withUnsafeReadableBytes { bytes in unsafe hash?.update(bytes) }
        }

        func finish() -> [UInt8] { hash.take()?.finalize() ?? [] }
    }

    private final class RunningSHA256: RunningChecksum {
        private var hash: SHA256? = SHA256()

        func update(_ bytes: ByteBuffer) {
            unsafe bytes.withUnsafeReadableBytes { bytes in unsafe hash?.update(bytes) }
        }

        func finish() -> [UInt8] { hash.take()?.finalize() ?? [] }
    }

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
