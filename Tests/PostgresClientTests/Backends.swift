import PostgresClient
import Testing

/// Waits until the server has no such backend any more.
func expectGone(_ pid: Int64) async throws {
    let observer = try await PostgresConnection.connect(TestServer.shared.get().configuration())
    try await eventually(within: .seconds(5)) {
        try await observer.query("select 1 from pg_stat_activity where pid = $1::int", [.int(pid)]).isEmpty
    }
}

/// Waits until a backend is at work on a query that contains `text`.
func backend(running text: String, on configuration: PostgresConfiguration) async throws -> Int64 {
    let observer = try await PostgresConnection.connect(configuration)
    var pid: Int64?
    try await eventually {
        pid = try await observer.query(
            "select pid from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like $1",
            [.text("%\(text)%")]
        ).first?.int(0)
        return pid != nil
    }
    return pid ?? 0
}
