/// A query on its way to the thread of a connection, and where its outcome goes.
struct ConnectionJob: Sendable {
    enum Work: Sendable {
        case statement(PostgresStatement, [PostgresValue])
        /// Several statements at once, by the simple protocol.
        case script(String)
    }

    let id: UInt64
    let work: Work
    /// From when the thread takes the job up: one that waits in line costs no connection.
    let timeout: Duration
    let reply: UnsafeContinuation<Result<PostgresResult, PostgresError>, Never>
}
