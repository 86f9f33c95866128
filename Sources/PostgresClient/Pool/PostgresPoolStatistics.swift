/// Numbers of a pool, for metrics.
public struct PostgresPoolStatistics: Sendable, Hashable {
    /// Connections that are open, leased or idle, those on their way out included.
    public internal(set) var open = 0
    /// Connections being opened.
    public internal(set) var opening = 0
    /// Open connections that nobody uses.
    public internal(set) var idle = 0
    /// Callers waiting for a connection.
    public internal(set) var waiting = 0
    /// Leases granted so far.
    public internal(set) var totalLeases = 0
    /// Callers so far that had to wait.
    public internal(set) var totalWaits = 0
    /// Callers so far that got none: too many waited, or for too long.
    public internal(set) var totalRefusals = 0
    /// Connections opened so far.
    public internal(set) var totalConnections = 0
    /// Attempts to open a connection that failed so far.
    public internal(set) var totalConnectionFailures = 0
}
