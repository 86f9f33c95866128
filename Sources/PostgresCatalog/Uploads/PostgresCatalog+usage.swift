public import CustodeCore
internal import PostgresClient

extension PostgresCatalog: UsageCatalog {
    private static let noteReceived = PostgresStatement(
        name: "note_received", "select noted_user, total from custode.note_received($1::text[], $2::text[]::bigint[])")

    /// Adds what users uploaded whole, and tells how much each of them has uploaded in the last day.
    public func noteReceived(_ bytes: [UserID: Int64]) async throws(CatalogError) -> [UserID: Int64] {
        let users = Array(bytes.keys)
        let rows = try await query(
            Self.noteReceived,
            [.textArray(users.map(\.text)), .textArray(users.map { String(bytes[$0] ?? 0) })])
        return try Self.decoding { () throws(PostgresError) in
            var totals: [UserID: Int64] = [:]
            for row in rows {
                guard let user = UserID(try row.text(0)) else { throw RowDecoding.nothing }
                totals[user] = try row.int(1)
            }
            return totals
        }
    }
}
