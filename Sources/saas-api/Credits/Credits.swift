import CustodeCore
import PostgresClient

/// What users may still have done: a monthly allowance and what they bought, in a ledger that only grows.
///
/// The database keeps the balance and refuses what would pass zero, so that nothing here can overdraw, however many do it
/// at once. The allowance is spent first; what is left of it lapses with its month. Months are the database's (UTC):
/// the clocks of several processes need not agree.
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

    private static let thisMonth = "date_trunc('month', now() at time zone 'utc')::date"
    private static let open = PostgresStatement(
        name: "saas_account_open",
        "insert into saas.accounts (user_id, month) values ($1, '-infinity') on conflict do nothing")
    private static let lock = PostgresStatement(
        name: "saas_account_lock",
        """
        select month < \(thisMonth), balance, month::text, \(thisMonth)::text
        from saas.accounts where user_id = $1 for no key update
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
        insert into saas.ledger (user_id, kind, credits, month) values ($1, $2, $3, $4::date) on conflict do nothing
        """)
    // No conflict is passed over: a job whose id was paid for before would be done for nothing.
    private static let charge = PostgresStatement(
        name: "saas_ledger_charge",
        """
        insert into saas.ledger (user_id, kind, credits, month, job_id)
        select user_id, 'job', -$2::bigint, month, $3 from saas.accounts where user_id = $1
        """)
    // What was taken, from whom, in the month in which it was taken: else it would be taken for allowance unspent.
    private static let refund = PostgresStatement(
        name: "saas_ledger_refund",
        """
        insert into saas.ledger (user_id, kind, credits, month, job_id)
        select user_id, 'refund', -credits, month, job_id from saas.ledger where job_id = $1 and kind = 'job'
        on conflict do nothing
        """)
    private static let buy = PostgresStatement(
        name: "saas_ledger_buy",
        """
        insert into saas.ledger (user_id, kind, credits, month, stripe_session, stripe_event)
        select user_id, 'purchase', $2::bigint, month, $3, $4 from saas.accounts where user_id = $1
        on conflict do nothing
        """)
    private static let renewal = PostgresStatement(
        name: "saas_account_renewal",
        "select to_char(\(thisMonth) + interval '1 month', 'YYYY-MM-DD\"T00:00:00Z\"')")

    /// What an account holds in this month.
    func account(of user: UserID, _ pool: PostgresPool) async throws -> Account {
        try await pool.withTransaction { connection in
            let balance = try await renew(user.text, connection)
            return Account(balance: balance, renewsAt: try await connection.query(Self.renewal)[0].text(0))
        }
    }

    /// Takes what a job costs from an account that was renewed in this transaction.
    ///
    /// - Throws: ``Exhausted``; the transaction must end then.
    func charge(_ cost: Int64, for job: String, of user: UserID, _ connection: PostgresConnection) async throws {
        guard cost > 0 else { return }
        do {
            _ = try await connection.query(Self.charge, [.text(user.text), .int(cost), .text(job)])
        } catch  where error.constraint == "balance_is_enough" {
            throw Exhausted(cost: cost)
        }
    }

    /// Gives back what was taken for a job, once.
    func refund(_ job: String, _ connection: PostgresConnection) async throws {
        _ = try await connection.query(Self.refund, [.text(job)])
    }

    /// Credits a payment, once, however many events tell of it.
    ///
    /// - Returns: Whether it was not credited before.
    func purchase(
        _ credits: Int64, by user: String, session: String, event: String, _ connection: PostgresConnection
    ) async throws -> Bool {
        try await renew(user, connection)
        let values: [PostgresValue] = [.text(user), .int(credits), .text(session), .text(event)]
        return try await connection.query(Self.buy, values).affectedRows > 0
    }

    /// Begins the month for an account if nobody has, and keeps others from its balance until the transaction ends.
    @discardableResult
    func renew(_ user: String, _ connection: PostgresConnection) async throws -> Int64 {
        _ = try await connection.query(Self.open, [.text(user)])
        let locked = try await connection.query(Self.lock, [.text(user)])[0]
        var balance = try locked.int(1)
        guard try locked.bool(0) else { return balance }
        let (past, present) = (try locked.text(2), try locked.text(3))
        let told = try await connection.query(Self.unused, [.text(user), .text(past)])[0]
        let given = try told.int(0)
        let lapsing = min(balance, min(given, max(0, given - (try told.int(1)))))
        if try await enter("lapse", -lapsing, user, past, connection) { balance -= lapsing }
        if try await enter("allowance", allowance, user, present, connection) { balance += allowance }
        _ = try await connection.query(Self.begin, [.text(user), .text(present)])
        return balance
    }

    /// - Returns: Whether there was something to enter, and no such entry before.
    private func enter(
        _ kind: String, _ credits: Int64, _ user: String, _ month: String, _ connection: PostgresConnection
    ) async throws -> Bool {
        guard credits != 0 else { return false }
        let values: [PostgresValue] = [.text(user), .text(kind), .int(credits), .text(month)]
        return try await connection.query(Self.enter, values).affectedRows > 0
    }
}
