import PostgresClient
import Testing

/// With a server of its own, since it is stopped under the clients' feet.
@Suite("Restart of the server", .serialized) struct RestartTests {
    private let server: TestServer

    init() throws {
        server = try TestServer()
    }

    private func expectAllSucceed(_ pool: PostgresPool) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<40 { group.addTask { _ = try await pool.query("select 1") } }
            try await group.waitForAll()
        }
    }

    @Test("after a restart no request fails on connections from before")
    func restart() async throws {
        let pool = PostgresPool(server.configuration())
        let warmUp: PostgresStatement = "select pg_sleep(0.1)"
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 { group.addTask { _ = try await pool.query(warmUp) } }
            try await group.waitForAll()
        }
        #expect(pool.statistics.idle == 4)
        try server.restart()
        try await expectAllSucceed(pool)
        await pool.close()
    }

    @Test(
        "an immediate stop loses the query under way, fails those after it, and all is well after the start")
    func immediateStop() async throws {
        let pool = PostgresPool(server.configuration())
        let query = Task { try await pool.query("select pg_sleep(30), 'stopped'") }
        _ = try await backend(running: "'stopped'", on: server.configuration())
        try server.stopImmediately()
        let lost = await #expect(throws: PostgresError.self) { try await query.value }
        #expect(lost?.code == .connectionLost)
        let refused = await #expect(throws: PostgresError.self) { try await pool.query("select 1") }
        #expect(refused?.code == .connectionFailed)
        try server.start()
        try await expectAllSucceed(pool)
        #expect(pool.statistics.open <= 4)
        await pool.close()
    }
}
