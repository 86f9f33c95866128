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
        /// What the database knew, and when.
        var known: Int64 = 0
        var asOf: ContinuousClock.Instant
        /// What was received and the database does not know.
        var untold: Int64 = 0
        /// What uploads under way have received, or will.
        var underWay: Int64 = 0
    }

    private let catalog: any UsageCatalog
    private let limit: Int64
    private let now: @Sendable () -> ContinuousClock.Instant
    private let accounts = Mutex<[UserID: Account]>([:])

    /// Accounts of a process's own over what all of them know.
    public init(
        catalog: any UsageCatalog, _ limits: Policy.Uploads,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.catalog = catalog
        limit = limits.maximumBytesPerUserPerDay
        self.now = now
    }

    /// Lets an upload begin.
    ///
    /// - Parameter length: How many bytes will come; `nil` if that is not known.
    /// - Throws: ``Refusal/tooMany(_:retryAfter:)``, or ``CatalogError``.
    public func begin(_ user: UserID, length: Int64?) async throws -> Allowance {
        let isFresh = accounts.withLock { $0[user].map { now() - $0.asOf < Self.freshness } ?? false }
        if !isFresh { learn(try await catalog.noteReceived([user: 0])) }
        try reserve(length ?? 0, for: user)
        return Allowance(of: user, announced: length ?? 0, in: self)
    }

    /// Tells the database what was received since the last time; what fails is told the next time.
    public func flush() async throws(CatalogError) {
        let untold = accounts.withLock { accounts in
            let now = now()
            accounts = accounts.filter { _, account in
                account.untold > 0 || account.underWay > 0 || now - account.asOf < Self.memory
            }
            return accounts.compactMapValues { $0.untold > 0 ? $0.untold : nil }
        }
        guard !untold.isEmpty else { return }
        learn(try await catalog.noteReceived(untold), told: untold)
    }

    private func learn(_ totals: [UserID: Int64], told: [UserID: Int64] = [:]) {
        accounts.withLock { accounts in
            for (user, total) in totals {
                var account = accounts[user] ?? Account(asOf: now())
                account.known = total
                account.asOf = now()
                account.untold -= told[user] ?? 0
                accounts[user] = account
            }
        }
    }

    private func reserve(_ bytes: Int64, for user: UserID) throws(Refusal) {
        let fits = accounts.withLock { accounts in
            var account = accounts[user] ?? Account(asOf: now())
            let (sum, overflow) = (account.known + account.untold + account.underWay).addingReportingOverflow(bytes)
            guard !overflow, sum <= limit else { return false }
            account.underWay += bytes
            accounts[user] = account
            return true
        }
        guard fits else { throw Self.tooMuch }
    }

    private func settle(_ user: UserID, reserved: Int64, received: Int64) {
        accounts.withLock { accounts in
            accounts[user]?.underWay -= reserved
            accounts[user]?.untold += received
        }
    }

    /// What is told to whoever has uploaded enough for a day.
    static let tooMuch = Refusal.tooMany(
        "This user has uploaded as much today as may be; go on tomorrow.", retryAfter: .seconds(3_600))

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
            accounts.settle(user, reserved: reserved, received: received)
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
