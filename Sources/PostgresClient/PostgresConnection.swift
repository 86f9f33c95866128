import CLibPQ

/// One connection to the database, served by a thread of its own.
///
/// No call blocks the calling thread. Queries of several tasks run one after the other, in the order of their
/// calls. A query that is cancelled or takes too long fails at once and costs the connection: the server is told
/// to stop, the connection is closed, and later calls throw. A connection that nobody refers to any more closes itself.
public final class PostgresConnection: Sendable {
    private static let reportedParameters = [
        "server_version", "server_encoding", "is_superuser", "session_authorization", "in_hot_standby",
        "default_transaction_read_only", "TimeZone", "DateStyle", "IntervalStyle", "integer_datetimes",
        "standard_conforming_strings", "application_name", "client_encoding",
    ]

    let mailbox: ConnectionMailbox
    private let queryTimeout: Duration
    private let parameters: [String: String]

    /// The server's version as a number, such as 150020 for 15.20.
    public let serverVersion: Int

    init(_ driver: ConnectionDriver, _ mailbox: ConnectionMailbox, _ configuration: PostgresConfiguration) {
        self.mailbox = mailbox
        queryTimeout = configuration.queryTimeout
        serverVersion = Int(PQserverVersion(driver.connection))
        var parameters: [String: String] = [:]
        for name in Self.reportedParameters {
            parameters[name] = PQparameterStatus(driver.connection, name).map { String(cString: $0) }
        }
        self.parameters = parameters
    }

    deinit {
        mailbox.end(PostgresError(code: .closed, message: "the connection was closed"))
    }

    /// Opens a connection outside any pool, for session state such as advisory locks.
    ///
    /// Throws `connectionFailed`; `timedOut` after the configuration's `connectTimeout`; `cancelled`.
    public static func connect(
        _ configuration: PostgresConfiguration
    ) async throws(PostgresError) -> PostgresConnection {
        let mailbox = try ConnectionMailbox()
        // The thread keeps the time as well, except while it waits for the resolver.
        async let _ = mailbox.end(after: configuration.connectTimeout)
        return try await withTaskCancellationHandler {
            await withUnsafeContinuation { caller in
                ConnectionDriver.start(configuration, mailbox) { caller.resume(returning: $0) }
            }
        } onCancel: {
            mailbox.end(PostgresError(code: .cancelled, message: "the calling task was cancelled"))
        }.get()
    }

    /// Whether the connection is open and, as far as the socket tells, the server still there.
    public var isUsable: Bool { mailbox.isUsable }

    /// A setting that the server reported when the connection was opened, such as `in_hot_standby`.
    ///
    /// Only what every server reports without being asked; `show` in a query tells the rest, and the present.
    public func parameter(_ name: String) -> String? {
        parameters[name]
    }

    /// Runs one statement and returns its rows.
    ///
    /// Throws `server` if the server refuses it, `timedOut` if it runs longer than `timeout` (the configuration's
    /// `queryTimeout` if `nil`; waiting in line does not count), `connectionLost`, `closed`, or `cancelled` as soon as
    /// the calling task is cancelled.
    public func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = [], timeout: Duration? = nil
    ) async throws(PostgresError) -> PostgresResult {
        try await run(.statement(statement, parameters), timeout: timeout)
    }

    /// Runs several statements separated by semicolons, in one transaction unless they say otherwise.
    ///
    /// The first failure ends the script. Throws as `query` does; COPY is refused and costs the connection.
    public func execute(script: String, timeout: Duration? = nil) async throws(PostgresError) {
        _ = try await run(.script(script), timeout: timeout)
    }

    /// Closes the connection and returns when it is closed; a query under way fails with code `closed`.
    public func close() async {
        mailbox.end(PostgresError(code: .closed, message: "the connection was closed"))
        await mailbox.awaitEnd()
    }

    /// A job that is not cancellable ends by its timeout alone.
    func run(
        _ work: ConnectionJob.Work, timeout: Duration? = nil, isCancellable: Bool = true
    ) async throws(PostgresError) -> PostgresResult {
        let id = mailbox.makeID()
        let timeout = timeout ?? queryTimeout
        guard isCancellable else {
            return try await withUnsafeContinuation { reply in
                mailbox.submit(ConnectionJob(id: id, work: work, timeout: timeout, reply: reply))
            }.get()
        }
        if Task.isCancelled {
            throw PostgresError(code: .cancelled, message: "the calling task was cancelled")
        }
        return try await withTaskCancellationHandler {
            await withUnsafeContinuation { reply in
                mailbox.submit(ConnectionJob(id: id, work: work, timeout: timeout, reply: reply))
                // A cancellation that came before the job was there did not find it.
                if Task.isCancelled { mailbox.cancel(id) }
            }
        } onCancel: {
            mailbox.cancel(id)
        }.get()
    }
}
