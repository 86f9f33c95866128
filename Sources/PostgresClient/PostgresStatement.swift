/// SQL text with `$1`, `$2`… where parameters go.
public struct PostgresStatement: Sendable {
    /// The name under which a connection keeps the prepared statement.
    public let name: String?

    /// The SQL text.
    public let sql: String

    /// Creates a statement.
    ///
    /// A named statement is parsed and planned once per connection, on first use: keep such statements in constants
    /// and their names unique. A connection refuses a second text under a known name. Without a name the
    /// statement is parsed on each use.
    public init(name: String?, _ sql: String) {
        self.name = name
        self.sql = sql
    }
}

extension PostgresStatement: ExpressibleByStringLiteral {
    /// Creates a statement without a name.
    public init(stringLiteral sql: String) {
        self.init(name: nil, sql)
    }
}
