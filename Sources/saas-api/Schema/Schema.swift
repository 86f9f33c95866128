import PostgresClient

/// The tables of its own, in the schema `saas`, beside those that it shares with Custode and the pipeline.
enum Schema {
    // One installation at a time; the number says nothing.
    private static let lock: PostgresStatement = "select pg_advisory_xact_lock(7223372036854775001)"

    /// Makes what is missing; safe to repeat.
    static func install(_ uri: String) async throws {
        let connection = try await PostgresConnection.connect(PostgresConfiguration(uri: uri))
        do {
            try await connection.withTransaction { connection in
                _ = try await connection.query("set local client_min_messages = warning")
                _ = try await connection.query(lock)
                for statement in tables + rules {
                    _ = try await connection.query(PostgresStatement(name: nil, statement))
                }
            }
        } catch {
            await connection.close()
            throw Fault(description: "schema install: \((error as? PostgresError)?.debugDescription ?? "\(error)")")
        }
        await connection.close()
    }

    /// Why it could not be installed, for the operator, who may know.
    struct Fault: Error, CustomStringConvertible { let description: String }

    private static let tables = [
        "create schema if not exists saas",
        // What a job needs here beyond the row that everybody reads; its id is of the type that ids have in `jobs`.
        """
        do $$ begin
            execute format(
                'create table if not exists saas.job_details (
                    job_id %s primary key references jobs on delete cascade,
                    filename text not null,
                    credits bigint not null check (credits >= 0),
                    attempts bigint not null default 0,
                    epoch bigint not null default 0,
                    next_attempt_at timestamptz not null default now(),
                    leased_until timestamptz,
                    ended_at timestamptz,
                    input_etag text,
                    request_key text unique,
                    reason text)',
                (select format_type(atttypid, atttypmod) from pg_attribute
                    where attrelid = 'jobs'::regclass and attname = 'id'));
        end $$
        """,
        "create index if not exists job_details_due on saas.job_details (next_attempt_at) where ended_at is null",
        // Those that have something to be done: few, however many jobs there are.
        """
        create index if not exists jobs_in_work on jobs (id)
            where status in ('queued', 'processing') and input_ref is not null
        """,
        // The newest first, page by page.
        "create index if not exists jobs_user_newest on jobs (user_id, created_at desc, id desc)",
        "alter table usage_logs add column if not exists cost_usd numeric(12, 6) not null default 0",
        """
        create table if not exists saas.accounts (
            user_id text primary key,
            balance bigint not null default 0 constraint balance_is_enough check (balance >= 0),
            month date not null)
        """,
        // No reference to users or jobs: what was booked stays when they go.
        """
        create table if not exists saas.ledger (
            id bigint generated always as identity primary key,
            user_id text not null references saas.accounts,
            kind text not null check (kind in ('allowance', 'lapse', 'job', 'refund', 'purchase')),
            credits bigint not null check (credits <> 0),
            month date not null,
            job_id text,
            stripe_session text,
            stripe_event text,
            created_at timestamptz not null default now())
        """,
        "create index if not exists ledger_user_month on saas.ledger (user_id, month)",
        // A job is paid once and given back once, a payment credited once, a month's allowance given once.
        """
        create unique index if not exists ledger_job_once on saas.ledger (job_id, kind) where job_id is not null
        """,
        """
        create unique index if not exists ledger_payment_once on saas.ledger (stripe_session)
            where stripe_session is not null
        """,
        """
        create unique index if not exists ledger_month_once on saas.ledger (user_id, month, kind)
            where kind in ('allowance', 'lapse')
        """,
        """
        create table if not exists saas.stripe_events (
            id text primary key,
            type text not null,
            outcome text not null,
            received_at timestamptz not null default now())
        """,
    ]

    private static let rules = [
        // The balance is what the ledger says, whoever writes to it: no code of ours can forget, or overdraw.
        """
        create or replace function saas.book() returns trigger language plpgsql as $$
        begin
            update saas.accounts set balance = balance + new.credits where user_id = new.user_id;
            return null;
        end $$
        """,
        """
        create or replace function saas.refuse_change() returns trigger language plpgsql as $$
        begin
            raise exception 'saas.ledger is append-only' using errcode = 'restrict_violation';
        end $$
        """,
        "create or replace trigger book after insert on saas.ledger for each row execute function saas.book()",
        """
        create or replace trigger append_only before update or delete on saas.ledger
            for each row execute function saas.refuse_change()
        """,
        """
        create or replace trigger no_truncation before truncate on saas.ledger
            for each statement execute function saas.refuse_change()
        """,
    ]
}
