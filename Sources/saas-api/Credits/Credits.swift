import CustodeCore
import PostgresClient

/// What users may still have done: a monthly allowance and what they bought, in a ledger that only grows.
///
/// The database keeps the balance and refuses what would pass zero, so that nothing here can overdraw, however many do it
/// at once. The allowance is spent first; what is left of it lapses with its month (UTC).
struct Credits: Sendable {
    /// What there is to be told of an account.
    struct Account: Sendable {
        let balance: Int64
        /// When the next month begins, RFC 3339.
        let renewsAt: String
    }

    /// There are not enough credits.
    struct Exhausted: Error {
        let cost: Int64
    }

    let allowance: Int64
    let clock: any WallClock

    private static let open = PostgresStatement(
        name: "saas_account_open",
        """
        insert into saas.accounts (user_id, month) values ($1, '-infinity') on conflict do nothing
        """)
    private static let lock = PostgresStatement(
        name: "saas_account_lock",
        """
        select month < $2::date, balance, month::text from saas.accounts where user_id = $1 for no key update
        """)
    private static let unused = PostgresStatement(
        name: "saas_account_unused",
        """
        select coalesce(sum(credits) filter (where kind = 'allowance'), 0)::bigint,
            coalesce(-sum(credits) filter (where kind in ('job', 'refund')), 0)::bigint
        from saas.ledger where user_id = $1 and month = $2::date
        """)
    private static let begin = PostgresStatement(
        name: "saas_account_begin", "update saas.accounts set month = $2::date where user_id = $1")
    private static let enter = PostgresStatement(
        name: "saas_ledger_enter",
        """
        insert into saas.ledger (user_id, kind, credits, month, job_id, stripe_session, stripe_event)
        values ($1, $2, $3, $4::date, $5, $6, $7) on conflict do nothing
        """)

    /// What an account holds in this month.
    func account(of user: UserID, _ pool: PostgresPool) async throws -> Account {
        try await pool.withTransaction { connection in
            let balance = try await renew(user.text, connection)
            return Account(balance: balance, renewsAt: Month(clock.now()).next.date + "T00:00:00Z")
        }
    }

    /// Takes what a job costs.
    ///
    /// - Throws: ``Exhausted``; the transaction must end then.
    func charge(_ cost: Int64, for job: String, of user: UserID, _ connection: PostgresConnection) async throws {
        guard cost > 0 else { return }
        do {
            try await enter("job", -cost, user.text, connection, job: job)
        } catch let error as PostgresError where error.constraint == "balance_is_enough" {
            throw Exhausted(cost: cost)
        }
    }

    /// Gives back what a job cost, once.
    func refund(_ credits: Int64, for job: String, of user: String, _ connection: PostgresConnection) async throws {
        guard credits > 0 else { return }
        try await renew(user, connection)
        try await enter("refund", credits, user, connection, job: job)
    }

    /// Credits a payment, once, however many events tell of it.
    ///
    /// - Returns: Whether it was not credited before.
    func purchase(
        _ credits: Int64, by user: String, session: String, event: String, _ connection: PostgresConnection
    ) async throws -> Bool {
        try await renew(user, connection)
        return try await enter("purchase", credits, user, connection, session: session, event: event)
    }

    /// Begins the month for an account if nobody has, and keeps others from its balance until the transaction ends.
    @discardableResult
    func renew(_ user: String, _ connection: PostgresConnection) async throws -> Int64 {
        let month = Month(clock.now())
        _ = try await connection.query(Self.open, [.text(user)])
        let locked = try await connection.query(Self.lock, [.text(user), .text(month.date)])
        guard try locked[0].bool(0) else { return try locked[0].int(1) }
        var balance = try locked[0].int(1)
        let past = try locked[0].text(2)
        let told = try await connection.query(Self.unused, [.text(user), .text(past)])
        let given = try told[0].int(0)
        let lapsing = min(balance, min(given, max(0, given - (try told[0].int(1)))))
        if lapsing > 0, try await enter("lapse", -lapsing, user, connection, month: past) { balance -= lapsing }
        if allowance > 0, try await enter("allowance", allowance, user, connection) { balance += allowance }
        _ = try await connection.query(Self.begin, [.text(user), .text(month.date)])
        return balance
    }

    /// - Returns: Whether there was no such entry before.
    @discardableResult
    private func enter(
        _ kind: String, _ credits: Int64, _ user: String, _ connection: PostgresConnection, month: String? = nil,
        job: String? = nil, session: String? = nil, event: String? = nil
    ) async throws -> Bool {
        let values: [PostgresValue] = [
            .text(user), .text(kind), .int(credits), .text(month ?? Month(clock.now()).date), .optionalText(job),
            .optionalText(session), .optionalText(event),
        ]
        return try await connection.query(Self.enter, values).affectedRows > 0
    }
}
