/// Where the database is and how patient to be with it.
public struct PostgresConfiguration: Sendable {
    /// A libpq connection URI, such as `postgresql://user@host/database?sslmode=verify-full`.
    ///
    /// What it says wins over every default of this package, except for the encoding, which is always UTF-8.
    public var uri: String

    /// The most connections a pool has at a time, those being opened and closed included.
    public var maximumConnections = 8

    /// How long opening a connection may take, name resolution and authentication included.
    public var connectTimeout: Duration = .seconds(5)

    /// How long a query may take, unless the call says otherwise.
    ///
    /// A query that takes longer costs its connection: the server is told to stop and the connection is closed.
    public var queryTimeout: Duration = .seconds(30)

    /// How long a caller waits for a free connection of a pool.
    public var leaseTimeout: Duration = .seconds(5)

    /// How many callers may wait for a connection of a pool; the next one is refused at once.
    public var maximumWaiters = 10_000

    /// The name by which `pg_stat_activity` shows the connections.
    public var applicationName = "custode"

    /// Settings of every session, by name, which win over the database's and the role's defaults.
    ///
    /// Names and values are the program's own, never a client's.
    public var session: [String: String] = [:]

    /// Creates a configuration with the defaults named at each property.
    public init(uri: String) {
        self.uri = uri
    }
}
