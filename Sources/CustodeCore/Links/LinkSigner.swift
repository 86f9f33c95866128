/// Computes and checks the tags of links under the key ring.
public protocol LinkAuthenticator: Sendable {
    /// The key that new links are made with.
    var activeKey: UInt16 { get }

    /// The tag of a message under the subkey of one operation; `nil` if the key may not sign.
    func tag(_ message: [UInt8], key: UInt16, operation: LinkOperation) -> [UInt8]?

    /// Whether the tag is right, in the same time for every wrong one and every unknown key.
    func verify(_ tag: [UInt8], of message: [UInt8], key: UInt16, operation: LinkOperation) -> Bool
}

/// Turns claims into tokens and back.
///
/// A token that verifies was made by this deployment, for this operation, and is in its time. Whether
/// the job still exists and still wants the link is for the caller to ask the catalog.
public struct LinkSigner: Sendable {
    /// The length of the tag that a token carries: HMAC-SHA-256 cut to 16 bytes (RFC 2104 §5).
    public static let tagLength = 16
    /// The longest token that is looked at, in characters.
    public static let maximumTokenLength = 768

    private let authenticator: any LinkAuthenticator
    private let context: [UInt8]
    private let maximumTTL: Duration
    private let clock: any WallClock

    /// A signer for one deployment.
    ///
    /// - Parameters:
    ///   - deployment: What tells this deployment's links from another's that shares its key ring.
    ///   - maximumTTL: A token that has longer to live is refused even if its tag is right.
    public init(
        authenticator: any LinkAuthenticator, deployment: String, maximumTTL: Duration, clock: any WallClock
    ) {
        self.authenticator = authenticator
        context = Array("custode-link-v1\0".utf8) + Array(deployment.utf8) + [0]
        self.maximumTTL = maximumTTL
        self.clock = clock
    }

    /// The second, rounded up, that ends a life that begins now.
    public func expiry(ttl: Duration) -> UInt32 { UInt32(clamping: ((clock.now() + ttl).ceilingSeconds)) }

    /// Makes the token of a link.
    ///
    /// - Returns: `nil` if the ring holds no key that may sign, or the job's id is too long for any token.
    public func sign(_ claims: LinkClaims) -> String? {
        let key = authenticator.activeKey
        let message = claims.encoded(key: key)
        guard LinkClaims.encodedLengths.contains(message.count) else { return nil }
        guard let tag = authenticator.tag(context + message, key: key, operation: claims.operation) else {
            return nil
        }
        return Base64URL.encode(message + tag.prefix(Self.tagLength))
    }

    /// The number of the key that a token says it is signed by; nothing vouches for it.
    public static func key(of token: String) -> UInt16? {
        guard let bytes = Base64URL.decode(String(token.prefix(4))), bytes.count == 3 else { return nil }
        return UInt16(bytes[1]) << 8 | UInt16(bytes[2])
    }

    /// Reads a token that must allow one operation.
    ///
    /// - Parameter evenIfExpired: Whether a link past its time is as good: what was begun under it is finished under it.
    /// - Throws: ``Refusal/badLink`` for everything that was not made here for this, and
    ///   ``Refusal/linkExpired`` for what was, but is past its time.
    public func verify(
        _ token: String, for operation: LinkOperation, evenIfExpired: Bool = false
    ) throws(Refusal) -> LinkClaims {
        guard token.utf8.count <= Self.maximumTokenLength, let bytes = Base64URL.decode(token),
            bytes.count > Self.tagLength,
            LinkClaims.encodedLengths.contains(bytes.count - Self.tagLength)
        else { throw .badLink }
        let message = bytes.dropLast(Self.tagLength)
        let key = UInt16(bytes[1]) << 8 | UInt16(bytes[2])
        guard bytes[LinkClaims.operationOffset] == operation.rawValue,
            authenticator.verify(
                Array(bytes.suffix(Self.tagLength)), of: context + message, key: key, operation: operation),
            let claims = LinkClaims(encoded: message)
        else { throw .badLink }
        let now = clock.now()
        guard evenIfExpired || claims.expiresAt > now else { throw .linkExpired }
        let furthest = now.ceilingSeconds + maximumTTL.components.seconds
        guard Int64(claims.expires) <= furthest else { throw .badLink }
        return claims
    }
}

extension Timestamp {
    /// Whole seconds since the epoch, rounded up.
    var ceilingSeconds: Int64 { Timestamp(microseconds: microseconds + 999_999).seconds }
}
