internal import Synchronization

/// The right to act on some objects for a while, which others respect until it lapses.
///
/// Whoever slept longer must not act on it: somebody else may have, meanwhile.
final class Claim: Sendable {
    private let length: Duration
    private let clock: any WallClock
    private let pause: @Sendable (Duration) async throws -> Void
    private let end: Mutex<Timestamp>

    /// A claim that was asked for at a moment, which is never later than the catalog's own beginning of it.
    init(
        since asked: Timestamp, for length: Duration, clock: any WallClock,
        pause: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.length = length
        self.clock = clock
        self.pause = pause
        end = Mutex(asked + length)
    }

    /// Whether it still holds.
    var holds: Bool {
        let end = end.withLock { $0 }
        return clock.now() < end
    }

    /// Does work that may take longer than the claim, which is renewed at every third of its length meanwhile.
    ///
    /// The renewals end with the work. The work is cancelled as soon as a renewal says that the claim was lost, or
    /// when none came through before it lapsed; it is always waited for, and tells what it did.
    /// - Parameter renew: Throws ``CatalogError/superseded`` if the claim is no longer the caller's.
    func keeping<Value: Sendable>(
        renewedBy renew: @escaping @Sendable () async throws(CatalogError) -> Void,
        during work: @escaping @Sendable () async -> Value
    ) async -> Value {
        await withTaskGroup(of: Value?.self) { group in
            group.addTask { await work() }
            group.addTask {
                await self.renewing(renew)
                return nil
            }
            var value: Value?
            // Whichever ends first ends the other.
            for await ended in group {
                if let ended { value = ended }
                group.cancelAll()
            }
            guard let value else { preconditionFailure("work ends with a value") }
            return value
        }
    }

    /// Returns when the claim is lost, or with the task.
    private func renewing(_ renew: @Sendable () async throws(CatalogError) -> Void) async {
        var wait = length / 3
        while (try? await pause(wait)) != nil, holds {
            let asked = clock.now()
            do throws(CatalogError) {
                try await renew()
                end.withLock { $0 = asked + length }
                wait = length / 3
            } catch {
                guard error != .superseded else {
                    end.withLock { $0 = asked }
                    return
                }
                // The database may be back before it lapses.
                wait = min(length / 20, .seconds(5))
            }
        }
    }
}
