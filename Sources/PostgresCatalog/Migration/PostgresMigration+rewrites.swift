public import CustodeCore
internal import PostgresClient

extension PostgresMigration {
    /// References that were switched and not put back.
    public func rewrites(
        of run: String?, from source: String?, after last: Int64, limit: Int
    ) async throws(CatalogError) -> [RecordedRewrite] {
        let rows = try await query(
            rewriteStatement, [.optionalText(run), .optionalText(source), .int(last), .int(Int64(limit))])
        return try PostgresCollection.decoding { () throws(PostgresError) in
            var found: [RecordedRewrite] = []
            for row in rows {
                guard let job = JobID(try row.text(1)), let object = ObjectName(try row.text(2)),
                    let source = LegacyPlace(try row.text(4))
                else { throw PostgresError(code: .decoding, message: "a recorded migration cannot be read") }
                let facts = BlobFacts(
                    etag: try row.text(5), size: try row.int(6), modified: Timestamp(microseconds: try row.int(7)))
                found.append(
                    RecordedRewrite(
                        id: try row.int(0), job: job, object: object,
                        rewrite: Rewrite(
                            run: try row.text(3), source: source, facts: facts, reference: try row.optionalText(8)),
                        key: try row.text(9), trash: try row.optionalText(10), isCurrent: try row.bool(11),
                        jobExists: try row.bool(12)))
            }
            return found
        }
    }

    /// The source of a run.
    public func source(of run: String) async throws(CatalogError) -> String? {
        let rows = try await query(MigrationStatements.source, [.text(run)])
        return try PostgresCollection.decoding { () throws(PostgresError) in try rows.first?.text(0) }
    }

    /// How many references a run switched, put back or not.
    public func countRewrites(of run: String) async throws(CatalogError) -> Int64 {
        let rows = try await query(MigrationStatements.countRewrites, [.text(run)])
        return try PostgresCollection.decoding { () throws(PostgresError) in try rows.first?.int(0) ?? 0 }
    }

    /// Puts one reference back.
    public func undo(_ rewrite: RecordedRewrite) async throws(CatalogError) -> UndoOutcome {
        let rows = try await query(MigrationStatements.undo, [.int(rewrite.id)])
        return try PostgresCollection.decoding { () throws(PostgresError) in
            guard let outcome = UndoOutcome(rawValue: try rows.first?.text(0) ?? "") else { throw RowDecoding.nothing }
            return outcome
        }
    }

    /// Records that the sources of these are about to go.
    public func beginRemoval(_ rewrites: [RecordedRewrite]) async throws(CatalogError) {
        _ = try await query(MigrationStatements.beginRemoval, [.textArray(rewrites.map { String($0.id) })])
    }

    /// Records what became of them.
    public func endRemoval(_ rewrites: [RecordedRewrite], _ places: [String?]) async throws(CatalogError) {
        _ = try await query(
            MigrationStatements.endRemoval,
            [.textArray(rewrites.map { String($0.id) }), .textArray(places.map { $0 ?? "" })])
    }
}
