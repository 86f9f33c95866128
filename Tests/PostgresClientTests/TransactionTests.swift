import PostgresClient
import Testing

@Suite("Transaction") struct TransactionTests {
    private struct Refused: Error {}

    private let pool: PostgresPool
    private let table: String

    init() async throws {
        pool = PostgresPool(try TestServer.shared.get().configuration(connections: 2))
        table = "t\(UInt32.random(in: 0 ... .max))"
        _ = try await pool.query(
            sql("create table \(table) (n int primary key deferrable initially deferred)"))
    }

    private func sql(_ text: String) -> PostgresStatement { PostgresStatement(name: nil, text) }

    private func count() async throws -> Int64 {
        try await pool.query(sql("select count(*) from \(table)"))[0].int(0)
    }

    @Test("what a transaction wrote is there once it ends")
    func commits() async throws {
        let value = try await pool.withTransaction { connection in
            _ = try await connection.query(sql("insert into \(table) values (1)"))
            #expect(try await count() == 0)
            return "value"
        }
        #expect(value == "value")
        #expect(try await count() == 1)
    }

    @Test("a throw rolls back, passes unchanged, and the connection is used again")
    func rollsBack() async throws {
        await #expect(throws: Refused.self) {
            try await pool.withTransaction { connection in
                _ = try await connection.query(sql("insert into \(table) values (1)"))
                throw Refused()
            }
        }
        #expect(try await count() == 0)
        #expect(pool.statistics.totalConnections == 1)
    }

    @Test("a swallowed error cannot be committed, and that is said")
    func swallowed() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await pool.withTransaction { connection in
                _ = try await connection.query(sql("insert into \(table) values (1)"))
                _ = try? await connection.query("select 1 / 0")
            }
        }
        #expect(error?.sqlState == "25P02")
        #expect(try await count() == 0)
    }

    @Test("a constraint that fails at COMMIT is an error of the server")
    func deferred() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await pool.withTransaction { connection in
                _ = try await connection.query(sql("insert into \(table) values (1), (1)"))
            }
        }
        #expect(error?.code == .server)
        #expect(error?.sqlState == "23505")
        #expect(try await count() == 0)
    }

    @Test("a task cancelled in mid-transaction commits nothing")
    func cancelled() async throws {
        let task = Task {
            try await pool.withTransaction { connection in
                _ = try await connection.query(sql("insert into \(table) values (1)"))
                withUnsafeCurrentTask { $0?.cancel() }
            }
        }
        let error = await #expect(throws: PostgresError.self) { try await task.value }
        #expect(error?.code == .cancelled)
        #expect(try await count() == 0)
    }

    @Test("a connection that dies during COMMIT is reported as lost, for the outcome is unknown")
    func lostDuringCommit() async throws {
        let kill = """
            create function \(table)() returns trigger language plpgsql as
            $$ begin perform pg_terminate_backend(pg_backend_pid()); return null; end $$;
            create constraint trigger kill after insert on \(table) deferrable initially deferred
            for each row execute function \(table)()
            """
        try await pool.withConnection { try await $0.execute(script: kill) }
        let error = await #expect(throws: PostgresError.self) {
            try await pool.withTransaction { connection in
                _ = try await connection.query(sql("insert into \(table) values (1)"))
            }
        }
        #expect(error?.code == .connectionLost)
        #expect(error?.message.contains("COMMIT") == true)
        #expect(try await count() == 0)
    }

    @Test("an actor may change its own state between BEGIN and COMMIT")
    func isolation() async throws {
        actor Counter {
            var value: Int64 = 0
            func count(_ pool: PostgresPool) async throws -> Int64 {
                try await pool.withTransaction { connection in
                    value += try await connection.query("select 1")[0].int(0)
                    return value
                }
            }
        }
        #expect(try await Counter().count(pool) == 1)
    }
}
