import CLibPQ
import Glibc
internal import Threads

extension ConnectionDriver {
    /// Opens a connection on a thread of its own, which then serves the mailbox.
    ///
    /// `opening` is told the outcome, once, possibly before this returns. `onEnd` is called after the end of a
    /// connection that was opened, when its socket is closed.
    static func start(
        _ configuration: PostgresConfiguration, _ mailbox: ConnectionMailbox,
        onEnd: @escaping @Sendable () -> Void = {},
        opening: @escaping MailboxState.Opening
    ) {
        guard mailbox.begin(opening) else { return mailbox.ended() }
        let started = DedicatedThread.start {
            let wasOpen = run(configuration, mailbox)
            mailbox.ended()
            if wasOpen { onEnd() }
        }
        if !started {
            mailbox.end(PostgresError(code: .connectionFailed, message: "the system gives no more threads"))
            mailbox.ended()
        }
    }

    /// Returns whether the connection was opened; it is closed by then.
    private static func run(_ configuration: PostgresConfiguration, _ mailbox: ConnectionMailbox) -> Bool {
        guard let connection = start(configuration) else {
            mailbox.end(PostgresError(code: .connectionFailed, message: "out of memory"))
            return false
        }
        let driver = ConnectionDriver(connection: connection, interruption: mailbox.interruption)
        do {
            try driver.open(configuration.session, until: .after(configuration.connectTimeout))
        } catch {
            // Closed first: who hears of the failure may open another one in its place.
            driver.close()
            mailbox.end(error)
            return false
        }
        let isWanted = mailbox.opened(socket: PQsocket(connection)) {
            PostgresConnection(driver, mailbox, configuration)
        }
        if isWanted { driver.serve(mailbox) }
        driver.close()
        return isWanted
    }

    private func open(
        _ session: [String: String], until deadline: Deadline
    ) throws(PostgresError) {
        // libpq prints notices to stderr unless somebody takes them.
        PQsetNoticeReceiver(connection, { _, _ in }, nil)
        var step = PQstatus(connection) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING
        while step != PGRES_POLLING_OK {
            switch step {
            case PGRES_POLLING_READING: _ = try wait(for: Int16(POLLIN), until: deadline)
            case PGRES_POLLING_WRITING: _ = try wait(for: Int16(POLLOUT), until: deadline)
            default: throw .connectionFailed(connection)
            }
            step = PQconnectPoll(connection)
        }
        try settle(session)
        guard PQsetnonblocking(connection, 1) == 0 else { throw .connectionFailed(connection) }
    }

    /// Makes what a session does independent of the database's defaults.
    ///
    /// By statements, not start-up options, since connection poolers refuse those.
    private func settle(_ session: [String: String]) throws(PostgresError) {
        guard !session.isEmpty else { return }
        let statements = session.map { name, value in "set \(name) to '\(value.replacing("'", with: "''"))'" }
        let result = PQexec(connection, statements.joined(separator: ";"))
        defer { PQclear(result) }
        guard PQresultStatus(result) == PGRES_COMMAND_OK else { throw .connectionFailed(connection) }
    }

    private static func start(_ configuration: PostgresConfiguration) -> OpaquePointer? {
        let settings: [(String, String)] = [
            ("application_name", configuration.applicationName),
            // A peer that is gone without a word is noticed within a minute, and in mid-request within 20 s.
            ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "20000"),
            // What comes after the URI overrides it, what comes before does not.
            ("dbname", configuration.uri),
            ("client_encoding", "UTF8"),
        ]
        let texts = settings.flatMap { [strdup($0.0), strdup($0.1)] }
        defer { for text in texts { free(text) } }
        let keywords = stride(from: 0, to: texts.count, by: 2).map { UnsafePointer(texts[$0]) } + [nil]
        let values = stride(from: 1, to: texts.count, by: 2).map { UnsafePointer(texts[$0]) } + [nil]
        return PQconnectStartParams(keywords, values, 1)
    }
}
