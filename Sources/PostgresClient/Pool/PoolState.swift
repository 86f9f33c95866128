import DequeModule

/// The rules of a connection pool; `PoolCore` locks it and carries out what it decides.
///
/// A slot is taken from the decision to open a connection until that has failed or the connection is closed, so
/// that slots never exceed `maximumConnections`. Connections are only handed to waiters in the order of their coming.
struct PoolState<Connection, Waiter> {
    enum Lease {
        case idle(Connection)
        case none
        case closed
    }

    enum Enqueued {
        /// A connection became idle since the caller looked.
        case use(Connection, Waiter)
        case refused(Waiter, PostgresError)
        case waits(opensConnection: Bool, wakesTimekeeper: Bool)
    }

    enum Release {
        case handOver(Connection, Waiter)
        case keep
        case close(Connection)
    }

    struct Failure {
        var refused: Waiter?
        var opensConnection = false
        var drained: [UnsafeContinuation<Void, Never>] = []
    }

    struct Expiry {
        var expired: [Waiter] = []
        var error = PostgresError(code: .poolExhausted, message: "no connection became free in time")
        /// When to look again.
        var next = Deadline.never
        var isOver = false
    }

    struct Closing {
        var idle: [Connection]
        var refused: [Waiter]
        var drained: [UnsafeContinuation<Void, Never>]
    }

    private let maximumConnections: Int
    private let maximumWaiters: Int

    /// Opened and not yet closed again.
    private(set) var established = 0
    private(set) var opening = 0
    private(set) var statistics = PostgresPoolStatistics()
    private var idle: [Connection] = []
    private var waiters: [UInt64: Waiter] = [:]
    /// In the order of coming, which is that of the deadlines too; those who left are skipped later.
    private var queue: Deque<(id: UInt64, deadline: Deadline)> = []
    private var isClosed = false
    private var timekeeperSleeps = false
    private var lastFailure: PostgresError?
    private var drainers: [UnsafeContinuation<Void, Never>] = []

    init(maximumConnections: Int, maximumWaiters: Int) {
        self.maximumConnections = max(1, maximumConnections)
        self.maximumWaiters = max(0, maximumWaiters)
    }

    /// The present numbers.
    func currentStatistics() -> PostgresPoolStatistics {
        var statistics = statistics
        statistics.open = established
        statistics.opening = opening
        statistics.idle = idle.count
        statistics.waiting = waiters.count
        return statistics
    }

    /// The connection used last, whose memory and the server's are warm.
    mutating func lease() -> Lease {
        if isClosed { return .closed }
        guard let connection = idle.popLast() else { return .none }
        statistics.totalLeases += 1
        return .idle(connection)
    }

    mutating func enqueue(_ waiter: Waiter, id: UInt64, until deadline: Deadline) -> Enqueued {
        if isClosed { return .refused(waiter, Self.closedError) }
        if let connection = idle.popLast() {
            statistics.totalLeases += 1
            return .use(connection, waiter)
        }
        guard waiters.count < maximumWaiters else {
            statistics.totalRefusals += 1
            return .refused(
                waiter, PostgresError(code: .poolExhausted, message: "\(waiters.count) callers wait already"))
        }
        waiters[id] = waiter
        queue.append((id, deadline))
        statistics.totalWaits += 1
        defer { timekeeperSleeps = false }
        return .waits(opensConnection: takeSlot(), wakesTimekeeper: timekeeperSleeps)
    }

    /// The waiter's task was cancelled; `nil` if it was answered before.
    mutating func cancel(_ id: UInt64) -> Waiter? {
        waiters.removeValue(forKey: id)
    }

    /// A connection was opened.
    mutating func opened(_ connection: Connection) -> Release {
        opening -= 1
        established += 1
        statistics.totalConnections += 1
        lastFailure = nil
        return place(connection)
    }

    /// A connection could not be opened.
    ///
    /// Without any other connection that is the fate of who waits longest, and the next waiter is worth another
    /// attempt. With others the waiters wait for those: a server that is full is no reason to fail.
    mutating func failed(_ error: PostgresError) -> Failure {
        opening -= 1
        statistics.totalConnectionFailures += 1
        lastFailure = error
        var failure = Failure()
        if established == 0 {
            failure.refused = popWaiter()
            failure.opensConnection = takeSlot()
        }
        failure.drained = takeDrained()
        return failure
    }

    /// A lease ended with the connection fit for another.
    mutating func released(_ connection: Connection) -> Release {
        place(connection)
    }

    /// A connection was closed, for whatever reason.
    mutating func ended() -> Failure {
        established -= 1
        return Failure(opensConnection: takeSlot(), drained: takeDrained())
    }

    /// Takes out those whose time is over.
    mutating func expire(_ now: Deadline) -> Expiry {
        var expiry = Expiry(isOver: isClosed)
        while let first = queue.first {
            guard waiters[first.id] == nil || first.deadline <= now else {
                expiry.next = first.deadline
                break
            }
            queue.removeFirst()
            if let waiter = waiters.removeValue(forKey: first.id) { expiry.expired.append(waiter) }
        }
        statistics.totalRefusals += expiry.expired.count
        if let lastFailure, !expiry.expired.isEmpty {
            expiry.error = PostgresError(
                code: .poolExhausted,
                message: "\(expiry.error.message); opening one failed: \(lastFailure.message)")
        }
        timekeeperSleeps = expiry.next == .never
        return expiry
    }

    mutating func close() -> Closing {
        isClosed = true
        let refused = queue.compactMap { waiters.removeValue(forKey: $0.id) }
        queue.removeAll()
        defer { idle.removeAll() }
        return Closing(idle: idle, refused: refused, drained: takeDrained())
    }

    /// Returns whether there is something to wait for until the closed pool is empty.
    mutating func awaitDrained(_ drainer: UnsafeContinuation<Void, Never>) -> Bool {
        guard established + opening > 0 else { return false }
        drainers.append(drainer)
        return true
    }

    static var closedError: PostgresError { PostgresError(code: .closed, message: "the pool was closed") }

    private mutating func place(_ connection: Connection) -> Release {
        if isClosed { return .close(connection) }
        guard let waiter = popWaiter() else {
            idle.append(connection)
            return .keep
        }
        statistics.totalLeases += 1
        return .handOver(connection, waiter)
    }

    private mutating func popWaiter() -> Waiter? {
        while let first = queue.popFirst() {
            if let waiter = waiters.removeValue(forKey: first.id) { return waiter }
        }
        return nil
    }

    /// Takes a slot for a new connection if there is one and somebody for whom none is under way.
    private mutating func takeSlot() -> Bool {
        guard !isClosed, opening < waiters.count, established + opening < maximumConnections else {
            return false
        }
        opening += 1
        return true
    }

    private mutating func takeDrained() -> [UnsafeContinuation<Void, Never>] {
        guard isClosed, established + opening == 0 else { return [] }
        defer { drainers.removeAll() }
        return drainers
    }
}
