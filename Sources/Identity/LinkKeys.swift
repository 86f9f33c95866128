internal import Cryptography
public import CustodeCore
internal import Synchronization

/// The key ring at work: signs and checks links with HMAC-SHA-256.
///
/// Each operation has a subkey of its own (HKDF), so that a tag made for one never fits another. The
/// ring can be replaced while requests are served.
public final class LinkKeys: LinkAuthenticator {
    private struct Working {
        var active: UInt16
        var keys: [UInt16: [LinkOperation: HMACSHA256]]
    }

    private let working: Mutex<Working>
    // Does the work for keys that are not there, so that nobody learns from the time taken which are.
    private let decoy = HMACSHA256(key: SecureRandom.bytes(KeyRing.secretLength))

    /// Starts with a ring.
    public init(_ ring: KeyRing) { working = Mutex(Self.prepare(ring)) }

    /// Replaces the ring.
    public func reload(_ ring: KeyRing) {
        let prepared = Self.prepare(ring)
        working.withLock { $0 = prepared }
    }

    /// The key that new links are made with.
    public var activeKey: UInt16 { working.withLock { $0.active } }

    /// The tag of a message; `nil` if the key is not known.
    public func tag(_ message: [UInt8], key: UInt16, operation: LinkOperation) -> [UInt8]? {
        working.withLock { $0.keys[key]?[operation] }?.authenticate(message)
    }

    /// Whether a tag is right, in the same time for every wrong one.
    public func verify(_ tag: [UInt8], of message: [UInt8], key: UInt16, operation: LinkOperation) -> Bool {
        let known = working.withLock { $0.keys[key]?[operation] }
        let right = (known ?? decoy).authenticate(message)
        return constantTimeEquals(Array(right.prefix(LinkSigner.tagLength)), tag) && known != nil
    }

    private static func prepare(_ ring: KeyRing) -> Working {
        var keys: [UInt16: [LinkOperation: HMACSHA256]] = [:]
        for key in ring.keys where key.verifies {
            for operation in LinkOperation.allCases {
                let info = Array("custode link \(operation.name)".utf8)
                let subkey = HMACSHA256.derive(from: key.secret, info: info, count: HMACSHA256.byteCount)
                keys[key.id, default: [:]][operation] = HMACSHA256(key: subkey)
            }
        }
        return Working(active: ring.active?.id ?? 0, keys: keys)
    }
}
