/// Why the database did not do what it was asked.
public struct PostgresError: Error, Sendable {
    /// The kinds of failure.
    public enum Code: Sendable, Hashable {
        /// A connection could not be opened.
        case connectionFailed
        /// The connection broke in mid-query; whether the query took effect is unknown.
        case connectionLost
        /// The server refused the query; `sqlState` says why.
        case server
        /// The query or the connection attempt took longer than allowed; whether it took effect is unknown.
        case timedOut
        /// The calling task was cancelled.
        case cancelled
        /// No connection of the pool became free in time, or too many callers were waiting.
        case poolExhausted
        /// The connection or the pool was closed before.
        case closed
        /// A column is null, or not of the type asked for.
        case decoding
    }

    /// The kind of failure.
    public let code: Code

    /// The five characters of the SQL state, if the server gave one.
    public let sqlState: String?

    /// What happened, for operators; it may quote SQL and data, and is not for clients.
    public let message: String

    /// The name of the constraint that was violated, if any.
    public let constraint: String?

    /// Creates an error.
    public init(code: Code, sqlState: String? = nil, message: String, constraint: String? = nil) {
        self.code = code
        self.sqlState = sqlState
        self.message = message
        self.constraint = constraint
    }

    /// Whether the same call may well succeed a little later.
    ///
    /// After `connectionLost` and `timedOut` the first attempt may have taken effect: repeat only what bears repeating.
    public var isRetryable: Bool {
        switch code {
        case .connectionFailed, .connectionLost, .poolExhausted, .timedOut: return true
        case .server, .cancelled, .closed, .decoding: break
        }
        guard let sqlState else { return false }
        return ["57P01", "57P02", "57P03", "40001", "40P01"].contains(sqlState)
            || sqlState.hasPrefix("08") || sqlState.hasPrefix("53")
    }
}

extension PostgresError: CustomStringConvertible, CustomDebugStringConvertible {
    /// The kind of failure and the SQL state, without SQL or data, so that it may be shown to anyone.
    public var description: String {
        guard let sqlState else { return "PostgresError(\(code))" }
        return "PostgresError(\(code), \(sqlState))"
    }

    /// Everything that is known, for operators.
    public var debugDescription: String {
        var details = ["\(code)"]
        if let sqlState { details.append(sqlState) }
        if let constraint { details.append("constraint \(constraint)") }
        details.append(message)
        return "PostgresError(\(details.joined(separator: ", ")))"
    }
}
