internal import Synchronization

/// How many bodies of objects may be under way at once: each has a file open besides its connection.
public final class TransferBound: Sendable {
    private let most: Int
    private let count = Atomic(0)

    /// - Parameter most: How many there may be.
    public init(most: Int) { self.most = most }

    /// Takes one, if there may be one more.
    func enter() -> Bool {
        guard count.add(1, ordering: .relaxed).newValue > most else { return true }
        leave()
        return false
    }

    /// Gives one back.
    func leave() { count.subtract(1, ordering: .relaxed) }
}
