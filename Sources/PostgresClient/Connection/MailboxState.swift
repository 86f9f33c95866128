import DequeModule

/// The rules of a connection's mailbox; `ConnectionMailbox` locks it and carries out what it decides.
///
/// Whoever takes a job out of the state answers it, so that each is answered once.
struct MailboxState {
    typealias Opening = @Sendable (Result<PostgresConnection, PostgresError>) -> Void

    enum Phase {
        case opening(Opening?)
        case open
        case ending(PostgresError)
        case ended(PostgresError)
    }

    enum Submission {
        case accepted(wakesThread: Bool)
        case refused(PostgresError)
    }

    enum Next {
        case job(ConnectionJob)
        case sleep
        case stop
    }

    /// Those who are told that the connection is on its way out.
    struct Ending {
        var opening: Opening?
        var jobs: [ConnectionJob] = []
        let error: PostgresError
    }

    private(set) var phase = Phase.opening(nil)
    private(set) var transaction = TransactionStatus.idle
    /// −1 unless open: the number may belong to another file once the connection is closed.
    private(set) var socket: Int32 = -1
    private var waiting: Deque<ConnectionJob> = []
    private var current: ConnectionJob?
    private var isSleeping = false
    private var closers: [UnsafeContinuation<Void, Never>] = []

    var isOpen: Bool {
        if case .open = phase { true } else { false }
    }

    /// Whether the connection is open with nothing under way.
    var isIdle: Bool { isOpen && current == nil && waiting.isEmpty }

    /// Says who is told of the opening; returns why not, if nobody wants the connection any more.
    mutating func begin(_ opening: @escaping Opening) -> PostgresError? {
        switch phase {
        case .ending(let error), .ended(let error): return error
        case .opening, .open: phase = .opening(opening)
        }
        return nil
    }

    /// The connection stands; `nil` if nobody wants it any more.
    mutating func opened(socket: Int32) -> Opening? {
        guard case .opening(let opening) = phase else { return nil }
        phase = .open
        self.socket = socket
        return opening
    }

    mutating func submit(_ job: ConnectionJob) -> Submission {
        switch phase {
        case .ending(let error), .ended(let error): return .refused(error)
        case .opening, .open: break
        }
        waiting.append(job)
        defer { isSleeping = false }
        return .accepted(wakesThread: isSleeping)
    }

    /// What the thread does next.
    mutating func next() -> Next {
        guard isOpen else { return .stop }
        guard let job = waiting.popFirst() else {
            isSleeping = true
            return .sleep
        }
        current = job
        return .job(job)
    }

    /// The thread is done with the current job; `nil` if its caller was answered before.
    mutating func finish(_ transaction: TransactionStatus) -> ConnectionJob? {
        self.transaction = transaction
        defer { current = nil }
        return current
    }

    /// Takes back a job: one that waits just leaves, one under way takes the connection with it.
    mutating func withdraw(
        _ id: UInt64, leaving error: PostgresError
    ) -> (job: ConnectionJob, ending: Ending?)? {
        if let index = waiting.firstIndex(where: { $0.id == id }) {
            return (waiting.remove(at: index), nil)
        }
        guard let job = current, job.id == id else { return nil }
        current = nil
        return (job, end(error))
    }

    /// Ends the connection, after which callers are told `error`; `nil` if it was ending already.
    mutating func end(_ error: PostgresError) -> Ending? {
        var ending = Ending(error: error)
        switch phase {
        case .ending, .ended: return nil
        case .opening(let opening): ending.opening = opening
        case .open: break
        }
        phase = .ending(error)
        socket = -1
        ending.jobs = (current.map { [$0] } ?? []) + waiting
        current = nil
        waiting.removeAll()
        isSleeping = false
        return ending
    }

    /// The thread is done and the socket closed; returns those who waited for that.
    mutating func ended() -> [UnsafeContinuation<Void, Never>] {
        if case .ending(let error) = phase { phase = .ended(error) }
        defer { closers.removeAll() }
        return closers
    }

    /// Returns whether there is something to wait for.
    mutating func awaitEnd(_ closer: UnsafeContinuation<Void, Never>) -> Bool {
        if case .ended = phase { return false }
        closers.append(closer)
        return true
    }
}
