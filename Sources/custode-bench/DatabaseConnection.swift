import CLibPQ
import Glibc

/// One blocking libpq connection, for one thread.
final class DatabaseConnection {
    private let handle: OpaquePointer

    init(_ uri: String) throws(BenchError) {
        guard let handle = PQconnectdb(uri) else { throw BenchError("libpq is out of memory") }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK else { throw Self.failure(handle) }
    }

    deinit {
        PQfinish(handle)
    }

    /// Runs one or more statements without parameters.
    func run(_ sql: String) throws(BenchError) {
        try check(PQexec(handle, sql)) { _ in }
    }

    /// The first column of a query's rows.
    func column(_ sql: String) throws(BenchError) -> [String] {
        var values: [String] = []
        try check(PQexec(handle, sql)) { result in
            values = (0..<PQntuples(result)).map { row in
                PQgetvalue(result, row, 0).map { String(cString: $0) } ?? ""
            }
        }
        return values
    }

    func prepare(_ name: String, _ sql: String) throws(BenchError) {
        try check(PQprepare(handle, name, sql, 0, nil)) { _ in }
    }

    /// Runs a prepared statement with text parameters: one round trip, one commit.
    func execute(_ name: String, _ parameters: [String]) throws(BenchError) {
        let copies = parameters.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        let result = copies.map { UnsafePointer($0) }.withUnsafeBufferPointer { values in
            PQexecPrepared(handle, name, Int32(values.count), values.baseAddress, nil, nil, 0)
        }
        try check(result) { _ in }
    }

    private func check(_ result: OpaquePointer?, _ use: (OpaquePointer) -> Void) throws(BenchError) {
        guard let result else { throw Self.failure(handle) }
        defer { PQclear(result) }
        let status = PQresultStatus(result)
        guard status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK else { throw Self.failure(handle) }
        use(result)
    }

    private static func failure(_ handle: OpaquePointer) -> BenchError {
        BenchError("Postgres: \(PQerrorMessage(handle).map { String(cString: $0) } ?? "unknown")")
    }
}
