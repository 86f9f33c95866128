import Glibc
import PostgresClient
import Testing

@Suite("Interruption") struct InterruptionTests {
    private let configuration: PostgresConfiguration

    init() throws {
        configuration = try TestServer.shared.get().configuration()
    }

    @Test("a cancelled query returns at once, and the server stops working on it")
    func cancellation() async throws {
        let connection = try await PostgresConnection.connect(configuration)
        let query = Task { try await connection.query("select pg_sleep(30), 'cancellation'") }
        let pid = try await backend(running: "'cancellation'", on: configuration)
        let start = ContinuousClock.now
        query.cancel()
        let error = await #expect(throws: PostgresError.self) { try await query.value }
        #expect(ContinuousClock.now - start < .seconds(1))
        #expect(error?.code == .cancelled)
        #expect(!connection.isUsable)
        try await expectGone(pid)
    }

    @Test("a query of a task that is cancelled already is not sent")
    func cancelledBefore() async throws {
        let connection = try await PostgresConnection.connect(configuration)
        let query = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await connection.query("select 1")
        }
        let error = await #expect(throws: PostgresError.self) { try await query.value }
        #expect(error?.code == .cancelled)
        #expect(connection.isUsable)
    }

    @Test("a cancelled query that still waits in line leaves without harm to the connection")
    func cancelledInLine() async throws {
        let connection = try await PostgresConnection.connect(configuration)
        let holder = try await PostgresConnection.connect(configuration)
        _ = try await holder.query("select pg_advisory_lock(4711)")
        let first = Task { try await connection.query("select pg_advisory_lock(4711), 'in line'") }
        _ = try await backend(running: "'in line'", on: configuration)
        let second = Task { try await connection.query("select 1") }
        second.cancel()
        let error = await #expect(throws: PostgresError.self) { try await second.value }
        #expect(error?.code == .cancelled)
        await holder.close()
        #expect(try await first.value.count == 1)
        #expect(connection.isUsable)
    }

    @Test("a query beyond its time fails then, and the server stops working on it")
    func timeout() async throws {
        let connection = try await PostgresConnection.connect(configuration)
        let pid = try await connection.query("select pg_backend_pid()")[0].int(0)
        let start = ContinuousClock.now
        let error = await #expect(throws: PostgresError.self) {
            try await connection.query("select pg_sleep(30)", timeout: .milliseconds(200))
        }
        let taken = ContinuousClock.now - start
        #expect(taken >= .milliseconds(200))
        #expect(taken < .seconds(2))
        #expect(error?.code == .timedOut)
        #expect(!connection.isUsable)
        try await expectGone(pid)
    }

    @Test("close ends a query under way")
    func close() async throws {
        let connection = try await PostgresConnection.connect(configuration)
        let query = Task { try await connection.query("select pg_sleep(30), 'closing'") }
        let pid = try await backend(running: "'closing'", on: configuration)
        await connection.close()
        let error = await #expect(throws: PostgresError.self) { try await query.value }
        #expect(error?.code == .closed)
        try await expectGone(pid)
    }

    @Test("a server that never answers is given up after the connect timeout, or with the task")
    func silentServer() async throws {
        let listener = try #require(SilentListener())
        var hasty = PostgresConfiguration(uri: "postgresql://custode@127.0.0.1:\(listener.port)/custode")
        var patient = hasty
        hasty.connectTimeout = .milliseconds(200)
        patient.connectTimeout = .seconds(60)
        let first = Task { [hasty] in try await PostgresConnection.connect(hasty) }
        let timedOut = await #expect(throws: PostgresError.self) { try await first.value }
        #expect(timedOut?.code == .timedOut)
        let attempt = Task { [patient] in try await PostgresConnection.connect(patient) }
        attempt.cancel()
        let cancelled = await #expect(throws: PostgresError.self) { try await attempt.value }
        #expect(cancelled?.code == .cancelled)
    }

    @Test("a backend that is terminated in mid-query is a lost connection")
    func terminated() async throws {
        let connection = try await PostgresConnection.connect(configuration)
        let query = Task { try await connection.query("select pg_sleep(30), 'terminated'") }
        let pid = try await backend(running: "'terminated'", on: configuration)
        let other = try await PostgresConnection.connect(configuration)
        _ = try await other.query("select pg_terminate_backend($1::int)", [.int(pid)])
        let error = await #expect(throws: PostgresError.self) { try await query.value }
        #expect(error?.code == .connectionLost)
        #expect(error?.sqlState == "57P01")
        #expect(error?.isRetryable == true)
        #expect(!connection.isUsable)
    }

    @Test("an idle connection notices that its backend was terminated")
    func terminatedIdle() async throws {
        let connection = try await PostgresConnection.connect(configuration)
        let pid = try await connection.query("select pg_backend_pid()")[0].int(0)
        let other = try await PostgresConnection.connect(configuration)
        _ = try await other.query("select pg_terminate_backend($1::int)", [.int(pid)])
        try await eventually { !connection.isUsable }
        let error = await #expect(throws: PostgresError.self) { try await connection.query("select 1") }
        #expect(error?.code == .connectionLost)
    }
}
