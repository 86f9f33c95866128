import PostgresClient
import Testing

@Suite("Connection") struct PostgresConnectionTests {
    let connection: PostgresConnection

    init() async throws {
        connection = try await .connect(TestServer.shared.get().configuration())
    }

    @Test("a named statement is prepared once and then reused")
    func prepared() async throws {
        let statement = PostgresStatement(name: "twice", "select 2 * $1::bigint")
        for number in Int64(1)...5 {
            #expect(try await connection.query(statement, [.int(number)])[0].int(0) == 2 * number)
        }
        let known = try await connection.query(
            "select count(*), sum(generic_plans + custom_plans) from pg_prepared_statements where name = 'twice'"
        )
        #expect(try known[0].int(0) == 1)
        #expect(try known[0].int(1) == 5)
    }

    @Test("a second text under a known name is refused")
    func preparedTwice() async throws {
        _ = try await connection.query(PostgresStatement(name: "one", "select 1"))
        let error = await #expect(throws: PostgresError.self) {
            try await connection.query(PostgresStatement(name: "one", "select 2"))
        }
        #expect(error?.sqlState == "42P05")
        #expect(connection.isUsable)
    }

    @Test("a prepared statement survives a change of its table and a DISCARD")
    func preparedAgain() async throws {
        try await connection.execute(script: "create temporary table t (a int); insert into t values (1)")
        let statement = PostgresStatement(name: "all \"rows\"", "select * from t")
        #expect(try await connection.query(statement)[0].int(0) == 1)
        try await connection.execute(script: "alter table t alter a type text, add b int default 2")
        #expect(try await connection.query(statement)[0].int(1) == 2)
        try await connection.execute(script: "deallocate all")
        #expect(try await connection.query(statement)[0].text(0) == "1")
    }

    @Test("an error of the server carries SQL state and constraint, and costs nothing but the query")
    func serverError() async throws {
        try await connection.execute(
            script: "create temporary table t (a int constraint small check (a < 10))")
        let error = await #expect(throws: PostgresError.self) {
            try await connection.query("insert into t values ($1)", [.int(10)])
        }
        #expect(error?.code == .server)
        #expect(error?.sqlState == "23514")
        #expect(error?.constraint == "small")
        #expect(error?.isRetryable == false)
        #expect(error.map { "\($0)" } == "PostgresError(server, 23514)")
        #expect(error.map { String(reflecting: $0) }?.contains("violates check constraint") == true)
        #expect(try await connection.query("select 1")[0].int(0) == 1)
    }

    @Test("a script runs several statements, all or none")
    func script() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await connection.execute(script: "create temporary table t (a int); select 1 / 0; select 1")
        }
        #expect(error?.sqlState == "22012")
        #expect(try await connection.query("select to_regclass('pg_temp.t') is null")[0].bool(0))
    }

    @Test("COPY is refused and costs the connection")
    func copy() async throws {
        let error = await #expect(throws: PostgresError.self) {
            try await connection.execute(script: "copy (select 1) to stdout")
        }
        #expect(error?.sqlState == "0A000")
        #expect(!connection.isUsable)
    }

    @Test("queries of several tasks share a connection one after the other")
    func queue() async throws {
        let sum = try await withThrowingTaskGroup(of: Int64.self) { [connection] group in
            for number in Int64(1)...50 {
                group.addTask { try await connection.query("select $1::bigint", [.int(number)])[0].int(0) }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 1275)
    }

    @Test("the connection knows the server's version and what it reported")
    func parameters() async throws {
        #expect(connection.serverVersion >= 120_000)
        #expect(connection.parameter("client_encoding") == "UTF8")
        #expect(connection.parameter("application_name") == "custode")
        #expect(connection.parameter("nonsense") == nil)
    }

    @Test("the URI wins over the defaults")
    func uri() async throws {
        let given = try TestServer.shared.get().uri + "?application_name=other&options=-c%20work_mem%3D5MB"
        let other = try await PostgresConnection.connect(PostgresConfiguration(uri: given))
        #expect(other.parameter("application_name") == "other")
        #expect(try await other.query("show work_mem")[0].text(0) == "5MB")
    }

    @Test("after close the server's side is gone, and queries say so")
    func close() async throws {
        let pid = try await connection.query("select pg_backend_pid()")[0].int(0)
        await connection.close()
        await connection.close()
        #expect(!connection.isUsable)
        let error = await #expect(throws: PostgresError.self) { try await connection.query("select 1") }
        #expect(error?.code == .closed)
        try await expectGone(pid)
    }

    @Test("a connection that nobody holds any more closes itself")
    func abandoned() async throws {
        var other: PostgresConnection? = try await .connect(TestServer.shared.get().configuration())
        let pid = try #require(try await other?.query("select pg_backend_pid()").first).int(0)
        other = nil
        try await expectGone(pid)
    }

    @Test(
        "nobody there, a wrong database and a bad URI are failures to connect",
        arguments: [
            "postgresql://custode@127.0.0.1:1/custode", "postgresql:///x?host=/nonexistent", "postgresql://[",
            "",
        ])
    func connectionFailed(_ uri: String) async throws {
        var configuration = PostgresConfiguration(uri: uri)
        configuration.connectTimeout = .seconds(2)
        let error = await #expect(throws: PostgresError.self) {
            try await PostgresConnection.connect(configuration)
        }
        #expect(error?.code == .connectionFailed)
        #expect(error?.isRetryable == true)
    }
}
