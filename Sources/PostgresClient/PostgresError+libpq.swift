import CLibPQ

extension PostgresError {
    /// The error that a finished query reports.
    ///
    /// A FATAL error, or one that libpq made up because the server went away, ends the connection.
    init(_ result: ResultStorage, connection: OpaquePointer) {
        let severity = result.errorField("V")
        let isOver = severity == "FATAL" || severity == "PANIC" || PQstatus(connection) == CONNECTION_BAD
        self.init(
            code: isOver ? .connectionLost : .server,
            sqlState: result.errorField("C"),
            message: result.errorField("M") ?? Self.message(of: connection),
            constraint: result.errorField("n"))
    }

    static func connectionFailed(_ connection: OpaquePointer) -> PostgresError {
        PostgresError(code: .connectionFailed, message: message(of: connection))
    }

    static func connectionLost(_ connection: OpaquePointer) -> PostgresError {
        PostgresError(code: .connectionLost, message: message(of: connection))
    }

    private static func message(of connection: OpaquePointer) -> String {
        var text = PQerrorMessage(connection).map { String(cString: $0) } ?? ""
        while let last = text.last, last.isNewline { text.removeLast() }
        return text
    }
}
