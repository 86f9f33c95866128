public import HummingbirdCore
internal import Synchronization

/// How many connections a listener has, of those that it may have.
///
/// With all of them taken, new ones wait in the system's queue. Shortly before that whoever does nothing with a connection
/// loses it: so a crowd that only holds connections keeps nobody out.
public final class ConnectionCensus: AvailableConnectionsDelegate {
    /// How many there may be.
    public let most: Int
    private let count = Atomic(0)

    /// - Parameter most: How many there may be.
    public init(most: Int) { self.most = most }

    /// How many there are.
    public var current: Int { count.load(ordering: .relaxed) }

    /// Whether there are so many that those at rest must go.
    var isCrowded: Bool { count.load(ordering: .relaxed) > most / 10 * 9 }

    /// Counts one that was opened.
    public func connectionOpened() { count.add(1, ordering: .relaxed) }

    /// Counts one that has ended.
    public func connectionClosed() { count.subtract(1, ordering: .relaxed) }

    /// Whether there may be another.
    public func isAcceptingNewConnections() -> Bool { count.load(ordering: .relaxed) < most }
}
