import PostgresClient
import Testing

@Suite("Pool") struct PostgresPoolTests {
    private func pool(connections: Int, _ change: (inout PostgresConfiguration) -> Void = { _ in }) throws
        -> PostgresPool
    {
        var configuration = try TestServer.shared.get().configuration(connections: connections)
        change(&configuration)
        return PostgresPool(configuration)
    }

    @Test("many slow queries at a time block nothing but their connections")
    func slowQueries() async throws {
        let pool = try pool(connections: 20)
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<40 { group.addTask { _ = try await pool.query("select pg_sleep(0.5)") } }
            try await group.waitForAll()
        }
        // Two rounds of half a second; on blocked threads of the cooperative pool of 2 cores it would take 10 s.
        #expect(ContinuousClock.now - start < .seconds(4))
        await pool.close()
    }

    @Test("a pool opens no more connections than it may, and uses them again")
    func bound() async throws {
        let name = "bound-\(UInt32.random(in: 0 ... .max))"
        let pool = try pool(connections: 3) { $0.applicationName = name }
        let most = try await withThrowingTaskGroup(of: Int64.self) { group in
            for _ in 0..<60 {
                group.addTask {
                    try await pool.query(
                        "select count(*) from pg_stat_activity, pg_sleep(0.005) where application_name = $1",
                        [.text(name)])[0].int(0)
                }
            }
            return try await group.max() ?? 0
        }
        #expect(most == 3)
        #expect(pool.statistics.open == 3)
        #expect(pool.statistics.idle == 3)
        #expect(pool.statistics.totalConnections == 3)
        #expect(pool.statistics.totalLeases == 60)
        await pool.close()
    }

    @Test("waiters get the connection in the order they came")
    func order() async throws {
        let pool = try pool(connections: 1)
        let served = Recorder<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await pool.withConnection { _ in
                for number in 0..<10 {
                    group.addTask {
                        try await pool.withConnection { _ in served.record(number) }
                    }
                    try await eventually { pool.statistics.waiting == number + 1 }
                }
            }
            try await group.waitForAll()
        }
        #expect(served.values == Array(0..<10))
        await pool.close()
    }

    @Test("a waiter gives up after the lease timeout, and a cancelled one at once")
    func waitersLeave() async throws {
        let pool = try pool(connections: 1) { $0.leaseTimeout = .milliseconds(300) }
        try await pool.withConnection { _ in
            let start = ContinuousClock.now
            let error = await #expect(throws: PostgresError.self) { try await pool.query("select 1") }
            #expect(error?.code == .poolExhausted)
            #expect(error?.isRetryable == true)
            #expect(ContinuousClock.now - start >= .milliseconds(300))

            let waiter = Task { try await pool.query("select 1") }
            try await eventually { pool.statistics.waiting == 1 }
            waiter.cancel()
            let cancelled = await #expect(throws: PostgresError.self) { try await waiter.value }
            #expect(cancelled?.code == .cancelled)
            #expect(pool.statistics.waiting == 0)
        }
        #expect(try await pool.query("select 1").count == 1)
        await pool.close()
    }

    @Test("the waiter that is one too many is refused at once")
    func tooMany() async throws {
        let pool = try pool(connections: 1) { $0.maximumWaiters = 0 }
        let error = await #expect(throws: PostgresError.self) { try await pool.query("select 1") }
        #expect(error?.code == .poolExhausted)
    }

    @Test("a connection left in a transaction or broken is not lent again")
    func soiled() async throws {
        let pool = try pool(connections: 1)
        let pid: PostgresStatement = "select pg_backend_pid()"
        let first = try await pool.withConnection { connection in
            _ = try await connection.query("begin")
            return try await connection.query(pid)[0].int(0)
        }
        let second = try await pool.query(pid)[0].int(0)
        #expect(first != second)
        await #expect(throws: PostgresError.self) {
            try await pool.query("select pg_sleep(30)", timeout: .milliseconds(50))
        }
        let third = try await pool.query(pid)[0].int(0)
        #expect(third != second)
        #expect(try await pool.query(pid)[0].int(0) == third)
        await pool.close()
    }

    @Test("a closed pool waits for what is on loan and refuses the rest")
    func close() async throws {
        let pool = try pool(connections: 2)
        let closings = Recorder<String>()
        try await withThrowingTaskGroup(of: Void.self) { group in
            try await pool.withConnection { connection in
                group.addTask {
                    await pool.close()
                    closings.record("closed")
                }
                var code: PostgresError.Code?
                try await eventually {
                    do throws(PostgresError) {
                        _ = try await pool.query("select 1")
                    } catch { code = error.code }
                    return code != nil
                }
                #expect(code == .closed)
                #expect(try await connection.query("select 1").count == 1)
                #expect(closings.values.isEmpty)
            }
            try await group.waitForAll()
        }
        #expect(pool.statistics.open == 0)
    }

    @Test("a database that is not there fails each caller with the reason, and is tried anew each time")
    func notThere() async throws {
        let pool = PostgresPool(PostgresConfiguration(uri: "postgresql://custode@127.0.0.1:1/custode"))
        await withTaskGroup { group in
            for _ in 0..<100 {
                group.addTask {
                    let error = await #expect(throws: PostgresError.self) { try await pool.query("select 1") }
                    #expect(error?.code == .connectionFailed)
                }
            }
        }
        #expect(pool.statistics.totalConnectionFailures == 100)
        #expect(pool.statistics.opening == 0)
        await pool.close()
    }
}
