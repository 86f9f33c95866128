import CLibPQ
import Glibc

/// The only user of a `PGconn`; lives and dies on the thread of its connection.
///
/// libpq is driven without blocking, so that a deadline or an interruption ends every wait.
final class ConnectionDriver {
    let connection: OpaquePointer
    private let interruption: Interruption
    private var prepared: [String: String] = [:]
    private var parameters = ParameterBuffer()
    private var isConfused = false

    init(connection: OpaquePointer, interruption: Interruption) {
        self.connection = connection
        self.interruption = interruption
    }

    func close() {
        PQfinish(connection)
    }

    /// Answers the jobs of a mailbox until the connection ends.
    func serve(_ mailbox: ConnectionMailbox) {
        while let job = mailbox.next() {
            do {
                let result = try perform(job)
                mailbox.finish(.success(result), TransactionStatus(connection))
            } catch {
                if error.code == .server, !isConfused {
                    mailbox.finish(.failure(error), TransactionStatus(connection))
                } else {
                    mailbox.fail(error)
                }
            }
        }
        // Without this the server would work on a query that nobody waits for.
        if PQtransactionStatus(connection) == PQTRANS_ACTIVE { cancel() }
    }

    private func perform(_ job: ConnectionJob) throws(PostgresError) -> PostgresResult {
        let deadline = Deadline.after(job.timeout)
        switch job.work {
        case .script(let sql):
            return try finish(PQsendQuery(connection, sql), deadline)
        case .statement(let statement, let values):
            guard let name = statement.name else {
                let sent = try parameters.encode(values) { count, texts in
                    PQsendQueryParams(connection, statement.sql, count, nil, texts, nil, nil, 0)
                }
                return try finish(sent, deadline)
            }
            return try perform(name, statement.sql, values, deadline)
        }
    }

    private func perform(
        _ name: String, _ sql: String, _ values: [PostgresValue], _ deadline: Deadline
    ) throws(PostgresError) -> PostgresResult {
        let isFresh = try prepare(name, sql, deadline)
        do {
            return try execute(name, values, deadline)
        } catch {
            // The table changed its columns, or somebody discarded the statement: once more, from the text.
            guard !isFresh, error.sqlState == "0A000" || error.sqlState == "26000",
                PQtransactionStatus(connection) == PQTRANS_IDLE
            else { throw error }
        }
        prepared[name] = nil
        do {
            let quoted = name.split(separator: "\"", omittingEmptySubsequences: false).joined(
                separator: "\"\"")
            _ = try finish(PQsendQuery(connection, "deallocate \"\(quoted)\""), deadline)
        } catch  where error.sqlState == "26000" {
        }
        _ = try prepare(name, sql, deadline)
        return try execute(name, values, deadline)
    }

    private func execute(
        _ name: String, _ values: [PostgresValue], _ deadline: Deadline
    ) throws(PostgresError) -> PostgresResult {
        let sent = try parameters.encode(values) { count, texts in
            PQsendQueryPrepared(connection, name, count, texts, nil, nil, 0)
        }
        return try finish(sent, deadline)
    }

    /// Returns whether the statement was not known before.
    private func prepare(_ name: String, _ sql: String, _ deadline: Deadline) throws(PostgresError) -> Bool {
        if let known = prepared[name] {
            guard known == sql else {
                throw PostgresError(
                    code: .server, sqlState: "42P05",
                    message: "statement \(name) was prepared with another text")
            }
            return false
        }
        _ = try finish(PQsendPrepare(connection, name, sql, 0, nil), deadline)
        prepared[name] = sql
        return true
    }

    /// Sees a query through: sends the rest of it and reads all results, of which the last counts.
    private func finish(_ sent: Int32, _ deadline: Deadline) throws(PostgresError) -> PostgresResult {
        guard sent == 1 else { throw .connectionLost(connection) }
        try flush(deadline)
        var last: ResultStorage?
        var failure: PostgresError?
        do throws(PostgresError) {
            while let result = try receive(deadline) {
                switch PQresultStatus(result.pointer) {
                case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: last = result
                case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                    isConfused = true
                    throw PostgresError(code: .server, sqlState: "0A000", message: "COPY is not supported")
                default: failure = failure ?? PostgresError(result, connection: connection)
                }
            }
        } catch {
            // What the server said before it hung up tells more than that it hung up.
            if let failure, failure.code != .server { throw failure }
            throw error
        }
        if let failure { throw failure }
        guard let last else { throw .connectionLost(connection) }
        return PostgresResult(storage: last)
    }

    private func flush(_ deadline: Deadline) throws(PostgresError) {
        while true {
            switch PQflush(connection) {
            case 0: return
            case 1:
                // A server that talks while we send would otherwise wait for us for ever.
                let ready = try wait(for: Int16(POLLIN | POLLOUT), until: deadline)
                if ready & Int16(POLLIN) != 0 { try consume() }
            default: throw .connectionLost(connection)
            }
        }
    }

    private func receive(_ deadline: Deadline) throws(PostgresError) -> ResultStorage? {
        while PQisBusy(connection) != 0 {
            _ = try wait(for: Int16(POLLIN), until: deadline)
            try consume()
        }
        return PQgetResult(connection).map(ResultStorage.init)
    }

    private func consume() throws(PostgresError) {
        guard PQconsumeInput(connection) == 1 else { throw .connectionLost(connection) }
    }

    /// Blocks until the socket is ready, and returns for what.
    func wait(for events: Int16, until deadline: Deadline) throws(PostgresError) -> Int16 {
        var descriptors = (
            pollfd(fd: PQsocket(connection), events: events, revents: 0),
            pollfd(fd: interruption.descriptor, events: Int16(POLLIN), revents: 0)
        )
        while true {
            let ready = withUnsafeMutablePointer(to: &descriptors) { pair in
                pair.withMemoryRebound(to: pollfd.self, capacity: 2) { poll($0, 2, deadline.milliseconds) }
            }
            if ready < 0, errno == EINTR { continue }
            if descriptors.1.revents != 0 {
                throw PostgresError(code: .cancelled, message: "the connection was told to end")
            }
            if descriptors.0.revents != 0 { return descriptors.0.revents }
            if ready < 0 {
                throw PostgresError(code: .connectionLost, message: "poll failed: errno \(errno)")
            }
            if deadline <= .now { throw PostgresError(code: .timedOut, message: "the time allowed is over") }
        }
    }

    private func cancel() {
        guard let request = PQgetCancel(connection) else { return }
        defer { PQfreeCancel(request) }
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
            _ = PQcancel(request, message.baseAddress, 256)
        }
    }
}
