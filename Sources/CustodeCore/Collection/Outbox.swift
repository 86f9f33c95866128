/// When events of the outbox are due.
public struct OutboxTiming: Sendable, Equatable {
    /// The moment that counts as now.
    public var asOf: Timestamp
    /// How long after an event its object is looked at.
    public var delay: Duration

    /// Events are due a delay after they happened.
    public init(asOf: Timestamp, delay: Duration) {
        self.asOf = asOf
        self.delay = delay
    }
}

/// A reference went, or an upload was given up.
public struct OutboxEvent: Sendable, Equatable {
    /// The row.
    public let id: Int64
    /// The key that was referred to.
    public let key: String
    /// Why somebody should look.
    public let reason: String

    /// An event as it was recorded.
    public init(id: Int64, key: String, reason: String) {
        self.id = id
        self.key = key
        self.reason = reason
    }
}

/// How much waits in the outbox.
public struct OutboxState: Sendable, Equatable {
    /// Events whose time has come.
    public var due: Int64
    /// All events that are not parked.
    public var pending: Int64
    /// Events that failed too often, and wait for an operator or the sweep.
    public var parked: Int64
    /// How many seconds ago the first of those that are not parked came, or was put off to.
    public var oldest: Int64

    /// Counts as the catalog told them.
    public init(due: Int64 = 0, pending: Int64 = 0, parked: Int64 = 0, oldest: Int64 = 0) {
        self.oldest = oldest
        self.due = due
        self.pending = pending
        self.parked = parked
    }
}

/// Why an event could not be dealt with.
public struct EventFailure: Sendable, Equatable {
    /// The row.
    public let id: Int64
    /// What happened, for operators.
    public let reason: String

    /// A failure of one event.
    public init(id: Int64, reason: String) {
        self.id = id
        self.reason = reason
    }
}
