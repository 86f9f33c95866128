import Synchronization

/// Hands out the numbers below a limit, each once, to whichever thread asks next.
final class Turns: Sendable {
    private let next = Atomic<Int>(0)
    private let limit: Int

    init(_ limit: Int) {
        self.limit = limit
    }

    func take() -> Int? {
        let turn = next.add(1, ordering: .relaxed).oldValue
        return turn < limit ? turn : nil
    }
}
