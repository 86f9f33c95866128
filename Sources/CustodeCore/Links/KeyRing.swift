/// The keys that links are signed with, in the order of their lives.
///
/// `next` is known everywhere before it signs; `active` signs; `retiring` still verifies the links it
/// made; `revoked` verifies nothing, and stays listed so that its number is not used again.
public struct KeyRing: Sendable, Equatable {
    /// One key.
    public struct Key: Sendable, Equatable {
        /// Its number, which tokens carry.
        public let id: UInt16
        /// 32 unpredictable bytes.
        public let secret: [UInt8]
        /// Where in its life it is.
        public var state: State
        /// When it was made.
        public let createdAt: Timestamp

        /// A key as it is stored.
        public init(id: UInt16, secret: [UInt8], state: State, createdAt: Timestamp) {
            self.id = id
            self.secret = secret
            self.state = state
            self.createdAt = createdAt
        }

        /// Whether links made with it are believed.
        public var verifies: Bool { state != .revoked }
    }

    /// Where in its life a key is.
    public enum State: String, Sendable, CaseIterable {
        /// Known, not yet used to sign.
        case next
        /// Signs.
        case active
        /// No longer signs, still verifies.
        case retiring
        /// Verifies nothing.
        case revoked
    }

    /// The length of a key's secret in bytes.
    public static let secretLength = 32

    /// All keys, oldest first.
    public private(set) var keys: [Key]

    /// A ring as it is stored; `nil` unless exactly one key is active, at most one is next, and the numbers differ.
    public init?(keys: [Key]) {
        guard keys.filter({ $0.state == .active }).count == 1, keys.filter({ $0.state == .next }).count <= 1,
            Set(keys.map(\.id)).count == keys.count,
            keys.allSatisfy({ $0.secret.count == Self.secretLength })
        else { return nil }
        self.keys = keys
    }

    /// A fresh ring of an active and a next key.
    public init(random: any RandomSource, now: Timestamp) {
        keys = [
            Key(id: 1, secret: random.bytes(Self.secretLength), state: .active, createdAt: now),
            Key(id: 2, secret: random.bytes(Self.secretLength), state: .next, createdAt: now),
        ]
    }

    /// The key that signs.
    public var active: Key? { keys.first { $0.state == .active } }

    /// Lets the next key sign, the active one retire, and makes a new next one.
    ///
    /// - Returns: The number of the key that signs from now on.
    public mutating func rotate(random: any RandomSource, now: Timestamp) -> UInt16 {
        if !keys.contains(where: { $0.state == .next }) { addNext(random: random, now: now) }
        for index in keys.indices {
            switch keys[index].state {
            case .active: keys[index].state = .retiring
            case .next: keys[index].state = .active
            case .retiring, .revoked: break
            }
        }
        addNext(random: random, now: now)
        return active?.id ?? 0
    }

    /// Ends every link made with a key at once; an active key is replaced by the next one first.
    ///
    /// - Returns: False if there is no such key.
    public mutating func revoke(_ id: UInt16, random: any RandomSource, now: Timestamp) -> Bool {
        guard let found = keys.first(where: { $0.id == id }) else { return false }
        if found.state == .active { _ = rotate(random: random, now: now) }
        for index in keys.indices where keys[index].id == id { keys[index].state = .revoked }
        if !keys.contains(where: { $0.state == .next }) { addNext(random: random, now: now) }
        return true
    }

    private mutating func addNext(random: any RandomSource, now: Timestamp) {
        var id = (keys.map(\.id).max() ?? 0) &+ 1
        // After 65,535 the lowest that is free: one that was dropped long ago.
        while keys.contains(where: { $0.id == id }) { id &+= 1 }
        keys.append(Key(id: id, secret: random.bytes(Self.secretLength), state: .next, createdAt: now))
    }
}
