import Glibc
import Synchronization

/// What callers and the thread of one connection share.
final class ConnectionMailbox: Sendable {
    private let state = Mutex(MailboxState())
    private let lastID = Atomic<UInt64>(0)
    private let work = Semaphore()
    /// Ends the thread's wait for the socket; used once, since the connection is then done for.
    let interruption: Interruption

    init() throws(PostgresError) {
        guard let interruption = Interruption() else {
            throw PostgresError(code: .connectionFailed, message: "no file descriptors left")
        }
        self.interruption = interruption
    }

    var transaction: TransactionStatus { state.withLock { $0.transaction } }

    /// Whether the connection is open and, as far as the socket tells, the server still there.
    ///
    /// Looks at the socket under the lock: only there its number is sure to be this connection's.
    var isUsable: Bool {
        let hungUp = state.withLock { state in
            guard state.isOpen else { return true }
            return state.isIdle && Self.hasInput(state.socket)
        }
        if hungUp {
            end(PostgresError(code: .connectionLost, message: "the server closed the idle connection"))
        }
        return !hungUp
    }

    /// Whether the next query can start at once and outside a transaction.
    var isIdle: Bool { state.withLock { $0.isIdle && $0.transaction == .idle } }

    func makeID() -> UInt64 {
        lastID.add(1, ordering: .relaxed).newValue
    }

    func submit(_ job: ConnectionJob) {
        switch state.withLock({ $0.submit(job) }) {
        case .accepted(let wakesThread): if wakesThread { work.signal() }
        case .refused(let error): job.reply.resume(returning: .failure(error))
        }
    }

    func cancel(_ id: UInt64) {
        let left = PostgresError(code: .closed, message: "the connection was given up with a cancelled query")
        guard let (job, ending) = state.withLock({ $0.withdraw(id, leaving: left) }) else { return }
        job.reply.resume(
            returning: .failure(PostgresError(code: .cancelled, message: "the calling task was cancelled")))
        if let ending { carryOut(ending) }
    }

    /// Ends the connection; those who wait for it are told `error` at once.
    func end(_ error: PostgresError) {
        if let ending = state.withLock({ $0.end(error) }) { carryOut(ending) }
    }

    /// Ends a connection that is not open by then; leaves at once when cancelled.
    func end(after timeout: Duration) async {
        guard (try? await Task.sleep(for: timeout)) != nil else { return }
        end(PostgresError(code: .timedOut, message: "the server did not answer in time"))
    }

    /// Returns once the thread is done with the connection.
    func awaitEnd() async {
        await withUnsafeContinuation { closer in
            if !state.withLock({ $0.awaitEnd(closer) }) { closer.resume() }
        }
    }

    /// Returns whether to open the connection; `opening` is told the outcome in any case.
    func begin(_ opening: @escaping MailboxState.Opening) -> Bool {
        guard let error = state.withLock({ $0.begin(opening) }) else { return true }
        opening(.failure(error))
        return false
    }

    /// Returns whether the connection is still wanted.
    func opened(socket: Int32, _ connection: () -> PostgresConnection) -> Bool {
        guard let opening = state.withLock({ $0.opened(socket: socket) }) else { return false }
        opening(.success(connection()))
        return true
    }

    /// Blocks until there is a job; `nil` once the connection is to end.
    func next() -> ConnectionJob? {
        while true {
            switch state.withLock({ $0.next() }) {
            case .job(let job): return job
            case .stop: return nil
            case .sleep: work.wait()
            }
        }
    }

    func finish(_ outcome: Result<PostgresResult, PostgresError>, _ transaction: TransactionStatus) {
        state.withLock { $0.finish(transaction) }?.reply.resume(returning: outcome)
    }

    /// The current job failed such that the connection is of no more use.
    func fail(_ error: PostgresError) {
        let lost = PostgresError(code: .connectionLost, message: error.message)
        let (job, ending) = state.withLock { ($0.finish(.unknown), $0.end(lost)) }
        job?.reply.resume(returning: .failure(error))
        if let ending { carryOut(ending) }
    }

    func ended() {
        for closer in state.withLock({ $0.ended() }) { closer.resume() }
    }

    private func carryOut(_ ending: MailboxState.Ending) {
        interruption.raise()
        work.signal()
        ending.opening?(.failure(ending.error))
        for job in ending.jobs { job.reply.resume(returning: .failure(ending.error)) }
    }

    /// An idle server has nothing to say, unless it is leaving.
    private static func hasInput(_ socket: Int32) -> Bool {
        var byte: UInt8 = 0
        while recv(socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) < 0 {
            if errno != EINTR { return errno != EAGAIN }
        }
        return true
    }
}
