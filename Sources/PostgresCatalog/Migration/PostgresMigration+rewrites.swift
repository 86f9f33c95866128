public import CustodeCore
internal import PostgresClient

extension PostgresMigration {
    /// References that were switched and not put back.
    public func rewrites(
        of run: String?, from source: String?, after last: Int64, limit: Int
    ) async throws(CatalogError) -> [RecordedRewrite] {
        try Self.decode(
            try await query(
                statements.rewrites, [.optionalText(run), .optionalText(source), .int(last), .int(Int64(limit))]))
    }

    /// All that was ever switched from these sources.
    public func rewrites(from sources: [LegacyPlace]) async throws(CatalogError) -> [RecordedRewrite] {
        try Self.decode(try await query(statements.siblings, [.textArray(sources.map(\.description))]))
    }

    private static func decode(_ rows: PostgresResult) throws(CatalogError) -> [RecordedRewrite] {
        try PostgresCollection.decoding { () throws(PostgresError) in
            var found: [RecordedRewrite] = []
            for row in rows { found.append(try rewrite(row)) }
            return found
        }
    }

    private static func rewrite(_ row: PostgresRow) throws(PostgresError) -> RecordedRewrite {
        guard let job = JobID(try row.text(1)), let object = ObjectName(try row.text(2)),
            let source = LegacyPlace(try row.text(4)), let sha256 = Digest(hex: try row.text(13)),
            let state = RecordedRewrite.State(rawValue: try row.text(14))
        else { throw PostgresError(code: .decoding, message: "a recorded migration cannot be read") }
        let facts = BlobFacts(
            etag: try row.text(5), size: try row.int(6), modified: Timestamp(microseconds: try row.int(7)))
        return RecordedRewrite(
            id: try row.int(0), job: job, object: object,
            rewrite: Rewrite(
                run: try row.text(3), source: source, facts: facts, reference: try row.optionalText(8)),
            key: try row.text(9), sha256: sha256, state: state, trash: try row.optionalText(10),
            isCurrent: try row.bool(11), jobExists: try row.bool(12))
    }

    /// Whether rows still refer to these sources.
    public func areNeeded(_ sources: [LegacyPlace]) async throws(CatalogError) -> [Bool] {
        let rows = try await query(
            statements.needed, [.textArray(sources.map(\.description)), .textArray(sources.map(\.path))])
        return try PostgresCollection.decoding { () throws(PostgresError) in
            var needed = [Bool](repeating: false, count: sources.count)
            for row in rows { needed[Int(try row.int(0)) - 1] = true }
            return needed
        }
    }

    /// Ends a run that was interrupted.
    public func end(_ run: String) async throws(CatalogError) {
        _ = try await query(MigrationStatements.end, [.text(run)])
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

    /// Records where the sources of these are about to go.
    public func beginRemoval(
        _ rewrites: [RecordedRewrite], to places: [String], by removal: String
    ) async throws(CatalogError) {
        _ = try await query(
            MigrationStatements.beginRemoval,
            [.textArray(rewrites.map { String($0.id) }), .textArray(places), .text(removal)])
    }

    /// Records what became of them.
    public func endRemoval(_ rewrites: [RecordedRewrite], _ places: [String?]) async throws(CatalogError) {
        _ = try await query(
            MigrationStatements.endRemoval,
            [.textArray(rewrites.map { String($0.id) }), .textArray(places.map { $0 ?? "" })])
    }
}
