internal import Synchronization

/// Holds users to as many bytes a day as the policy allows, uploads under way included.
///
/// What the database knows is asked for at most twice a minute, and told what came once a second: so a process that is
/// killed forgets the last second, and replicas may each let in what the others have not told yet. Resumable uploads are
/// counted by the database itself, to the byte.
public final class DailyBytes: Sendable {
    private static let freshness = Duration.seconds(30)
    private static let memory = Duration.seconds(60)

    private struct Account {
        /// What the database knew, and when it was asked.
        var known: Int64 = 0
        var asOf: ContinuousClock.Instant?
        /// What was received and the database does not know.
        var untold: Int64 = 0
        /// What uploads under way have received, or will.
        var underWay: Int64 = 0
        /// How many uploads are under way.
        var open = 0

        /// All of it, and so many more; no sum is beyond the largest number.
        func total(with more: Int64) -> Int64 {
            [untold, underWay, more].reduce(known) { sum, part in
                let (next, overflow) = sum.addingReportingOverflow(part)
                return overflow ? .max : next
            }
        }
    }

    private let catalog: any UsageCatalog
    /// No more than half of the numbers there are, so that no sum of two of them is beyond.
    private let limit: Int64
    private let mostOpen: Int
    private let now: @Sendable () -> ContinuousClock.Instant
    private let accounts = Mutex<[UserID: Account]>([:])

    /// Accounts of a process's own over what all of them know.
    public init(
        catalog: any UsageCatalog, _ limits: Policy.Uploads,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.catalog = catalog
        limit = min(limits.maximumBytesPerUserPerDay, .max / 2)
        mostOpen = limits.maximumOpenPerUser
        self.now = now
    }

    /// Lets an upload begin.
    ///
    /// - Parameters:
    ///   - length: How many bytes will come; `nil` if that is not known.
    ///   - isCounted: Whether the user may have but so many of them open.
    /// - Throws: ``Refusal/tooMany(_:retryAfter:)``, or ``CatalogError``.
    public func begin(
        _ user: UserID, length: Int64?, isCounted: Bool = false
    ) async throws -> Allowance {
        let asked = now()
        let isFresh = accounts.withLock { $0[user]?.asOf.map { asked - $0 < Self.freshness } ?? false }
        if !isFresh { learn(try await catalog.noteReceived([user: 0]), asked: asked) }
        try open(user, reserving: length ?? 0, most: isCounted ? mostOpen : .max)
        return Allowance(of: user, announced: length ?? 0, in: self)
    }

    /// What a user's uploads take that the database does not know of.
    func unknown(of user: UserID) -> Int64 {
        accounts.withLock { $0[user]?.total(with: -($0[user]?.known ?? 0)) ?? 0 }
    }

    /// Has the database asked anew the next time, which has learned of something by itself.
    func refresh(_ user: UserID) { accounts.withLock { $0[user]?.asOf = nil } }

    /// Tells the database what was received since the last time; what fails is told the next time.
    public func flush() async throws(CatalogError) {
        let asked = now()
        let untold = accounts.withLock { accounts in
            accounts = accounts.filter { _, account in
                account.untold > 0 || account.open > 0 || account.asOf.map { asked - $0 < Self.memory } ?? false
            }
            return accounts.compactMapValues { $0.untold > 0 ? $0.untold : nil }
        }
        guard !untold.isEmpty else { return }
        learn(try await catalog.noteReceived(untold), asked: asked, told: untold)
    }

    private func learn(
        _ totals: [UserID: Int64], asked: ContinuousClock.Instant, told: [UserID: Int64] = [:]
    ) {
        accounts.withLock { accounts in
            for (user, total) in totals {
                var account = accounts[user] ?? Account()
                // Of two answers that overtook one another the later question's counts, and what was told is in it.
                if account.asOf.map({ $0 <= asked }) ?? true {
                    account.known = total
                    account.asOf = asked
                } else {
                    account.known = max(account.known, total)
                }
                account.untold -= told[user] ?? 0
                accounts[user] = account
            }
        }
    }

    private func open(_ user: UserID, reserving bytes: Int64, most: Int) throws(Refusal) {
        let refusal = accounts.withLock { accounts -> Refusal? in
            var account = accounts[user] ?? Account()
            guard account.open < most else { return Self.tooManyOpen(most) }
            guard account.total(with: bytes) <= limit else { return Self.tooMuch }
            account.underWay += bytes
            account.open += 1
            accounts[user] = account
            return nil
        }
        if let refusal { throw refusal }
    }

    private func reserve(_ bytes: Int64, for user: UserID) throws(Refusal) {
        let fits = accounts.withLock { accounts in
            // It is there as long as an upload of the user's is open.
            guard let account = accounts[user],
                account.total(with: bytes) <= limit
            else { return false }
            accounts[user]?.underWay += bytes
            return true
        }
        guard fits else { throw Self.tooMuch }
    }

    private func close(_ user: UserID, reserved: Int64, received: Int64) {
        accounts.withLock { accounts in
            accounts[user]?.underWay -= reserved
            accounts[user]?.untold += received
            accounts[user]?.open -= 1
        }
    }

    /// What is told to whoever has uploaded enough for a day.
    static let tooMuch = Refusal.tooMany(
        "This user has uploaded as much today as may be; go on tomorrow.", retryAfter: .seconds(3_600))

    /// What is told to whoever has so many uploads open.
    static func tooManyOpen(_ most: Int) -> Refusal {
        .tooMany("\(most) uploads of this user are open; finish or delete some.", retryAfter: .seconds(60))
    }

    /// What one upload takes of its user's bytes; letting go of it ends it.
    public final class Allowance: Sendable {
        private let user: UserID
        private let accounts: DailyBytes
        private let state: Mutex<(reserved: Int64, received: Int64)>

        fileprivate init(of user: UserID, announced: Int64, in accounts: DailyBytes) {
            self.user = user
            self.accounts = accounts
            state = Mutex((announced, 0))
        }

        deinit {
            let (reserved, received) = state.withLock { $0 }
            accounts.close(user, reserved: reserved, received: received)
        }

        /// Counts bytes that came.
        ///
        /// - Throws: ``Refusal/tooMany(_:retryAfter:)`` if they are more than was announced, and than there are left.
        public func take(_ count: Int) throws(Refusal) {
            let missing = state.withLock { state in
                state.received += Int64(count)
                return state.received - state.reserved
            }
            guard missing > 0 else { return }
            try accounts.reserve(missing, for: user)
            state.withLock { $0.reserved += missing }
        }
    }
}
