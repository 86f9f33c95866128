internal import Cryptography
public import CustodeCore

/// Unpredictable bytes for ids and keys, from OpenSSL.
public struct SystemRandom: RandomSource {
    /// The system's source.
    public init() {}

    /// Returns `count` bytes nobody can guess.
    public func bytes(_ count: Int) -> [UInt8] { SecureRandom.bytes(count) }
}
