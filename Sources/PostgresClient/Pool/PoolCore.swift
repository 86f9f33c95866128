import Synchronization
internal import Threads

/// What a pool, its connections and its timekeeper share: carries out the decisions of `PoolState`.
final class PoolCore: Sendable {
    typealias Waiter = UnsafeContinuation<Result<PostgresConnection, PostgresError>, Never>

    private let configuration: PostgresConfiguration
    private let state: Mutex<PoolState<PostgresConnection, Waiter>>
    private let lastID = Atomic<UInt64>(0)
    private let timekeeper = Semaphore()

    init(_ configuration: PostgresConfiguration) {
        self.configuration = configuration
        state = Mutex(
            PoolState(
                maximumConnections: configuration.maximumConnections,
                maximumWaiters: configuration.maximumWaiters))
        let started = DedicatedThread.start { [self] in keepTime() }
        precondition(started, "the system gives no more threads")
    }

    var statistics: PostgresPoolStatistics { state.withLock { $0.currentStatistics() } }

    nonisolated(nonsending) func lease() async throws(PostgresError) -> PostgresConnection {
        while true {
            switch state.withLock({ $0.lease() }) {
            case .closed: throw PoolState<PostgresConnection, Waiter>.closedError
            case .none: return try await wait()
            case .idle(let connection):
                // One that the server left ends by itself, and says so through `ended`.
                if connection.isUsable { return connection }
            }
        }
    }

    func release(_ connection: PostgresConnection) {
        guard connection.mailbox.isIdle, connection.isUsable else {
            connection.mailbox.end(PostgresError(code: .closed, message: "the connection was given up"))
            return
        }
        carryOut(state.withLock { $0.released(connection) })
    }

    /// Refuses new leases; what is idle is closed now, what is leased with its release.
    func close() {
        let closing = state.withLock { $0.close() }
        timekeeper.signal()
        for waiter in closing.refused {
            waiter.resume(returning: .failure(PoolState<PostgresConnection, Waiter>.closedError))
        }
        for connection in closing.idle { end(connection) }
        for drainer in closing.drained { drainer.resume() }
    }

    nonisolated(nonsending) func awaitDrained() async {
        await withUnsafeContinuation { drainer in
            if !state.withLock({ $0.awaitDrained(drainer) }) { drainer.resume() }
        }
    }

    nonisolated(nonsending) private func wait() async throws(PostgresError) -> PostgresConnection {
        let id = lastID.add(1, ordering: .relaxed).newValue
        let deadline = Deadline.after(configuration.leaseTimeout)
        return try await withTaskCancellationHandler {
            await withUnsafeContinuation { (waiter: Waiter) in
                carryOut(state.withLock { $0.enqueue(waiter, id: id, until: deadline) })
                // A cancellation that came before the waiter was there did not find it.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }.get()
    }

    private func cancel(_ id: UInt64) {
        state.withLock { $0.cancel(id) }?.resume(
            returning: .failure(PostgresError(code: .cancelled, message: "the calling task was cancelled")))
    }

    private func carryOut(_ decision: PoolState<PostgresConnection, Waiter>.Enqueued) {
        switch decision {
        case .use(let connection, let waiter): waiter.resume(returning: .success(connection))
        case .refused(let waiter, let error): waiter.resume(returning: .failure(error))
        case .waits(let opensConnection, let wakesTimekeeper):
            if wakesTimekeeper { timekeeper.signal() }
            if opensConnection { open() }
        }
    }

    private func carryOut(_ decision: PoolState<PostgresConnection, Waiter>.Release) {
        switch decision {
        case .keep: break
        case .handOver(let connection, let waiter): waiter.resume(returning: .success(connection))
        case .close(let connection): end(connection)
        }
    }

    private func carryOut(_ failure: PoolState<PostgresConnection, Waiter>.Failure, _ error: PostgresError?) {
        if let error { failure.refused?.resume(returning: .failure(error)) }
        if failure.opensConnection { open() }
        for drainer in failure.drained { drainer.resume() }
    }

    private func open() {
        do {
            let ended: @Sendable () -> Void = { [self] in carryOut(state.withLock { $0.ended() }, nil) }
            ConnectionDriver.start(configuration, try ConnectionMailbox(), onEnd: ended) { [self] in
                opened($0)
            }
        } catch {
            opened(.failure(error))
        }
    }

    private func opened(_ outcome: Result<PostgresConnection, PostgresError>) {
        switch outcome {
        case .success(let connection): carryOut(state.withLock { $0.opened(connection) })
        case .failure(let error): carryOut(state.withLock { $0.failed(error) }, error)
        }
    }

    private func end(_ connection: PostgresConnection) {
        connection.mailbox.end(PoolState<PostgresConnection, Waiter>.closedError)
    }

    /// Fails the callers that waited too long; one thread does for all, as they leave in the order they came.
    private func keepTime() {
        while true {
            let expiry = state.withLock { $0.expire(.now) }
            for waiter in expiry.expired { waiter.resume(returning: .failure(expiry.error)) }
            if expiry.isOver { return }
            timekeeper.wait(until: expiry.next)
        }
    }
}
