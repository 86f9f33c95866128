/// A bounded set of connections that callers borrow.
///
/// Connections are opened when they are needed. Callers that find none wait in line, each for at most `leaseTimeout`.
/// A connection that is broken, or that a caller left in a transaction, is closed instead of lent again, and one that the
/// server closed meanwhile is replaced unseen: after a restart of the server nothing fails but what was under way.
/// Session state (`set`, session advisory locks) would leak to the next caller; use `PostgresConnection.connect` for that.
public final class PostgresPool: Sendable {
    private let core: PoolCore

    /// Creates a pool without opening a connection yet.
    public init(_ configuration: PostgresConfiguration) {
        core = PoolCore(configuration)
    }

    deinit {
        core.close()
    }

    /// The present numbers.
    public var statistics: PostgresPoolStatistics { core.statistics }

    /// Lends a connection to `body`, which must not keep it.
    ///
    /// Throws what `body` throws, or a `PostgresError`: `connectionFailed`; `poolExhausted` after the
    /// configuration's `leaseTimeout`, or at once if `maximumWaiters` wait already; `closed`; `cancelled`.
    nonisolated(nonsending) public func withConnection<Value>(
        _ body: nonisolated(nonsending) (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let connection = try await core.lease()
        defer { core.release(connection) }
        return try await body(connection)
    }

    /// Lends a connection to `body` and runs that between BEGIN and COMMIT, or ROLLBACK if it throws.
    ///
    /// Throws as `withConnection` and `PostgresConnection.withTransaction` do: `connectionLost` means that the
    /// outcome of COMMIT may be unknown.
    nonisolated(nonsending) public func withTransaction<Value>(
        _ body: nonisolated(nonsending) (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        try await withConnection { connection in try await connection.withTransaction(body) }
    }

    /// Runs one statement on any connection; throws as `withConnection` and `PostgresConnection.query` do.
    nonisolated(nonsending) public func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = [], timeout: Duration? = nil
    ) async throws(PostgresError) -> PostgresResult {
        let connection = try await core.lease()
        defer { core.release(connection) }
        return try await connection.query(statement, parameters, timeout: timeout)
    }

    /// Closes the pool and returns when all its connections are closed, those on loan included.
    ///
    /// New and waiting callers fail with code `closed`; who has a connection may finish.
    public func close() async {
        core.close()
        await core.awaitDrained()
    }
}
