extension PostgresConnection {
    private static let begin = PostgresStatement(name: nil, "begin")
    private static let commit = PostgresStatement(name: nil, "commit")
    private static let rollback = PostgresStatement(name: nil, "rollback")

    /// Runs `body` between BEGIN and COMMIT, or ROLLBACK if it throws.
    ///
    /// COMMIT is not cancelled half-way. Throws what `body` throws; `connectionLost` if the connection went during
    /// COMMIT, so that its outcome is unknown; `server` with SQL state `25P02` if `body` swallowed the error of a
    /// statement, after which nothing can be committed. The connection must not be in a transaction already, and
    /// other tasks must not use it meanwhile.
    nonisolated(nonsending) public func withTransaction<Value>(
        _ body: nonisolated(nonsending) (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        _ = try await run(.statement(Self.begin, []))
        let value: Value
        do {
            value = try await body(self)
            if Task.isCancelled {
                throw PostgresError(code: .cancelled, message: "the calling task was cancelled before COMMIT")
            }
        } catch {
            // If this fails the pool closes the connection, and the server rolls back on its own.
            _ = try? await run(.statement(Self.rollback, []))
            throw error
        }
        try await commit()
        return value
    }

    nonisolated(nonsending) private func commit() async throws(PostgresError) {
        let result: PostgresResult
        do {
            result = try await run(.statement(Self.commit, []), isCancellable: false)
        } catch  where error.code != .server {
            throw PostgresError(
                code: .connectionLost, sqlState: error.sqlState,
                message: "the outcome of COMMIT is unknown: \(error.message)")
        }
        // The server answers COMMIT in a failed transaction with a rollback, and calls that a success.
        guard result.storage.commandTag != "ROLLBACK" else {
            throw PostgresError(
                code: .server, sqlState: "25P02", message: "the transaction had failed and was rolled back")
        }
    }
}
