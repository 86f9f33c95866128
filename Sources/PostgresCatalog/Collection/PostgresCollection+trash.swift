public import CustodeCore
internal import PostgresClient

extension PostgresCollection {
    /// When these objects were quarantined.
    public func quarantined(_ places: [TrashPlace]) async throws(CatalogError) -> [Timestamp?] {
        let rows = try await query(OutboxStatements.quarantined, [Self.texts(places)])
        return try Self.answers(rows, places.count) { row throws(PostgresError) in
            try row.optionalInt(0).map { Timestamp(microseconds: $0) }
        }
    }

    /// What the catalog believes in quarantine since before a moment.
    public func trash(before moment: Timestamp, limit: Int) async throws(CatalogError) -> [TrashPlace] {
        try await places(OutboxStatements.oldTrash, [.int(moment.microseconds), .int(Int64(limit))])
    }

    /// Takes the last look at quarantined objects.
    public func condemnTrash(
        _ places: [TrashPlace], run: String, fence: Fence?
    ) async throws(CatalogError) -> [Bool] {
        let rows = try await query(
            OutboxStatements.condemnTrash,
            [
                .text(run), fence.map { .int($0.epoch) } ?? .null, .optionalText(fence?.lease.interval),
                .text((fence?.lease ?? .seconds(60)).interval), .textArray(places.map(\.key.text)),
                .textArray(places.map(\.key.job)), Self.texts(places),
            ])
        return try Self.answers(rows, places.count) { row throws(PostgresError) in try row.text(0) == "dead" }
    }

    /// Forgets quarantined objects that are gone.
    public func forgetTrash(_ places: [TrashPlace]) async throws(CatalogError) {
        _ = try await query(OutboxStatements.forgetTrash, [Self.texts(places)])
    }

    /// The newest place in the trash of an object.
    public func newestTrash(of key: String) async throws(CatalogError) -> TrashPlace? {
        try await places(OutboxStatements.newestTrash, [.text(key)]).first
    }

    /// Claims quarantined objects for their way back.
    public func beginRestore(
        _ places: [TrashPlace], run: String, for claim: Duration
    ) async throws(CatalogError) -> [RestoreVerdict] {
        let rows = try await query(
            OutboxStatements.beginRestore,
            [
                .text(run), .text(claim.interval), .textArray(places.map(\.key.text)),
                .textArray(places.map(\.key.job)), Self.texts(places),
            ])
        return try Self.answers(rows, places.count) { row throws(PostgresError) in
            RestoreVerdict(rawValue: try row.text(0)) ?? .busy
        }
    }

    /// Ends their way back.
    public func endRestore(_ endings: [RestoreEnding]) async throws(CatalogError) {
        _ = try await query(
            OutboxStatements.endRestore,
            [
                .textArray(endings.map(\.place.key.text)), Self.texts(endings.map(\.place)),
                .textArray(endings.map { $0.isBack ? "true" : "false" }),
            ])
    }

    /// Published objects behind a key.
    public func published(after key: String?, slice: ObjectSlice, limit: Int) async throws(CatalogError)
        -> [ObjectRecord]
    {
        let rows = try await query(
            OutboxStatements.published,
            [.text(key ?? ""), .int(Int64(slice.index)), .int(Int64(slice.count)), .int(Int64(limit))])
        return try Self.decoding { () throws(PostgresError) in
            var records: [ObjectRecord] = []
            for row in rows {
                let job = JobID(try row.text(0))
                guard let record = try RowDecoding.record(row, job: job, object: row.text(1), from: 2) else {
                    throw PostgresError(code: .decoding, message: "a published object cannot be read")
                }
                records.append(record)
            }
            return records
        }
    }

    /// Which of these keys something refers to.
    public func referenced(_ keys: [String]) async throws(CatalogError) -> [Bool] {
        let rows = try await query(OutboxStatements.referenced, [.textArray(keys)])
        return try Self.answers(rows, keys.count) { row throws(PostgresError) in try row.bool(0) }
    }

    /// Of which of these keys an upload under way may make an object.
    public func uploading(_ keys: [String]) async throws(CatalogError) -> [Bool] {
        let rows = try await query(OutboxStatements.uploading, [.textArray(keys)])
        return try Self.answers(rows, keys.count) { row throws(PostgresError) in try row.bool(0) }
    }

    private static func texts(_ places: [TrashPlace]) -> PostgresValue { .textArray(places.map(\.text)) }

    private func places(
        _ statement: PostgresStatement, _ parameters: [PostgresValue]
    ) async throws(CatalogError) -> [TrashPlace] {
        let rows = try await query(statement, parameters)
        return try Self.decoding { () throws(PostgresError) in
            var places: [TrashPlace] = []
            for row in rows {
                if let place = TrashPlace(parsing: try row.text(0)) { places.append(place) }
            }
            return places
        }
    }
}
