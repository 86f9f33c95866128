import Foundation

/// One database of a private cluster, spoken to through `psql` so that no code under test is in between.
public struct TestDatabase: Sendable {
    /// The libpq URI.
    public let uri: String

    /// The client itself, where Debian keeps it: what it puts in the path is a script that costs more than the query.
    static let client: String = {
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return versions.compactMap { Int($0) }.sorted(by: >).map { "\(root)/\($0)/bin/psql" }
            .first(where: FileManager.default.isExecutableFile) ?? Checkout.tool("psql") ?? "/usr/bin/psql"
    }()

    /// Runs SQL and returns the rows of its result, NULL as nil.
    ///
    /// Throws what the server says.
    @discardableResult
    public func sql(_ statement: String) async throws -> [[String?]] {
        let output = try await Command.succeed(
            Self.client,
            [
                "-X", "-q", "-A", "-t", "-F", "\u{1f}", "-R", "\u{1e}", "-P", "null=\u{1d}",
                "-v", "ON_ERROR_STOP=1", "-d", uri, "-c", statement,
            ])
        let rows = output.hasSuffix("\n") ? output.dropLast() : output[...]
        if rows.isEmpty { return [] }
        return rows.split(separator: "\u{1e}", omittingEmptySubsequences: false).map { row in
            row.split(separator: "\u{1f}", omittingEmptySubsequences: false).map {
                $0 == "\u{1d}" ? nil : String($0)
            }
        }
    }

    /// Runs a file of SQL.
    public func run(file: String) async throws {
        try await Command.succeed(Self.client, ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", uri, "-f", file])
    }

    /// The one value of a statement that yields one, nil for NULL and for no row.
    public func value(_ statement: String) async throws -> String? {
        try await sql(statement).first?.first ?? nil
    }

    /// A text as an SQL literal.
    public static func quote(_ text: String) -> String {
        "'" + text.replacing("'", with: "''") + "'"
    }
}
