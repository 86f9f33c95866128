public import CustodeCore
public import PostgresClient

/// Collection's side of the SaaS's Postgres.
public final class PostgresCollection: CollectionCatalog {
    /// What holds in collection's sessions, wherever they come from: hidden rows are an error, not an absence.
    public static let session = [
        "row_security": "off", "default_transaction_isolation": "read committed", "jit": "off",
    ]

    let pool: PostgresPool
    let direct: PostgresConfiguration
    let tables: SaaSTables
    let statements: CollectionStatements

    /// Reads what the SaaS's tables look like and checks that the schema is the one this program needs.
    ///
    /// - Parameters:
    ///   - pool: Connections whose sessions are ``session``'s.
    ///   - direct: How to open connections outside a pool, past any pooler, with the same sessions.
    /// - Throws: ``SchemaMissing``, ``SaaSTables/Fault``, `PostgresError`.
    public init(pool: PostgresPool, direct: PostgresConfiguration) async throws {
        let tables = try await SaaSTables.ready(pool)
        self.pool = pool
        self.direct = direct
        self.tables = tables
        statements = CollectionStatements(tables)
    }

    /// What must be known before a run.
    public func circumstances() async throws(CatalogError) -> Circumstances {
        let rows = try await query(statements.circumstances)
        return try Self.decoding { () throws(PostgresError) in
            guard let row = rows.first else { throw RowDecoding.nothing }
            var world = Circumstances(
                isStandby: try row.bool(0), rowsMayBeHidden: try row.bool(1),
                clock: Timestamp(microseconds: try row.int(2)), uuid: try row.text(3), systemID: try row.text(4))
            if let marker = try row.optionalText(5) { world.lastSweep = (marker, try row.optionalInt(6) ?? 0) }
            return world
        }
    }

    /// Makes this run the one leader.
    public func lead(
        _ run: CollectionRun, lease: Duration
    ) async throws(CatalogError) -> (any CollectionLeadership)? {
        try await PostgresLeadership.begin(run, lease: lease, self)
    }

    /// Records a run that needs no leadership.
    public func begin(_ run: CollectionRun) async throws(CatalogError) {
        _ = try await query(statements.begin, Self.parameters(of: run, epoch: nil))
    }

    /// Records how a run ended.
    public func finish(_ run: CollectionRun, _ report: CollectionReport) async throws(CatalogError) {
        _ = try await query(statements.finish, Self.parameters(of: run, report))
    }

    /// Takes the last look at objects under their jobs' locks.
    public func condemn(
        _ objects: [Condemned], run: String, fence: Fence?, for claim: Duration
    ) async throws(CatalogError) -> [Judgement] {
        let rows = try await query(
            statements.condemn,
            [
                .text(run), fence.map { .int($0.epoch) } ?? .null, .optionalText(fence?.lease.interval),
                .text(claim.interval), .textArray(objects.map(\.reason)),
                .textArray(objects.map(\.key.text)), .textArray(objects.map(\.key.job)),
                .textArray(objects.map { tables.canonical($0.key.job) ?? "" }),
                .textArray(objects.map(\.facts.etag)), .textArray(objects.map { String($0.facts.size) }),
                .textArray(objects.map(\.place.text)),
            ])
        return try Self.answers(rows, objects.count) { row throws(PostgresError) in
            Judgement(Judgement.Verdict(rawValue: try row.text(0)) ?? .busy, jobExists: try row.bool(1))
        }
    }

    /// Gives a sign of life for objects that a run has claimed.
    public func renewClaims(
        _ places: [TrashPlace], run: String, fence: Fence?, for claim: Duration
    ) async throws(CatalogError) {
        _ = try await query(
            statements.renewClaims,
            [
                .text(run), fence.map { .int($0.epoch) } ?? .null, .optionalText(fence?.lease.interval),
                .text(claim.interval), .textArray(places.map(\.text)),
            ])
    }

    /// Records what became of claimed objects.
    public func settle(_ endings: [Ending], at moment: Timestamp) async throws(CatalogError) {
        _ = try await query(
            statements.settle,
            [
                .int(moment.microseconds), .textArray(endings.map(\.place.text)),
                .textArray(endings.map(\.outcome.rawValue)),
            ])
    }

    /// Objects that a run claimed and did not settle.
    public func interrupted(fence: Fence?, limit: Int) async throws(CatalogError) -> [Condemned] {
        let rows = try await query(
            statements.interrupted, [fence.map { .int($0.epoch) } ?? .null, .int(Int64(limit))])
        return try Self.decoding { () throws(PostgresError) in
            var found: [Condemned] = []
            for row in rows {
                guard let place = TrashPlace(parsing: try row.text(3)) else { continue }
                let facts = BlobFacts(
                    etag: try row.text(0), size: try row.int(1), modified: Timestamp(microseconds: 0))
                found.append(Condemned(facts: facts, reason: try row.text(2), place: place))
            }
            return found
        }
    }

    func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = []
    ) async throws(CatalogError) -> PostgresResult {
        do throws(PostgresError) {
            return try await pool.query(statement, parameters)
        } catch {
            throw CatalogError(error)
        }
    }

    static func decoding<T>(_ body: () throws(PostgresError) -> T) throws(CatalogError) -> T {
        do throws(PostgresError) {
            return try body()
        } catch {
            throw CatalogError(error)
        }
    }

    /// One answer for each question, or none at all.
    static func answers<T>(
        _ rows: PostgresResult, _ count: Int, _ decode: (PostgresRow) throws(PostgresError) -> T
    ) throws(CatalogError) -> [T] {
        guard rows.count == count else { throw .failed("\(rows.count) answers to \(count) questions") }
        return try decoding { () throws(PostgresError) in
            var answers: [T] = []
            for row in rows { answers.append(try decode(row)) }
            return answers
        }
    }

    static func parameters(of run: CollectionRun, epoch: Int64?) -> [PostgresValue] {
        [
            .text(run.id), .text(run.kind.rawValue), epoch.map { .int($0) } ?? .null, .optionalText(run.marker),
            .bool(run.isDry), .int(run.asOf.microseconds),
        ]
    }

    static func parameters(of run: CollectionRun, _ report: CollectionReport) -> [PostgresValue] {
        let counts: [(String, Int64)] = [
            ("listed", report.listed), ("live", report.live), ("intent", report.intent), ("young", report.young),
            ("foreign", report.foreign), ("stray", report.stray), ("orphan", report.orphan),
            ("missing", report.missing), ("due", report.due), ("bytes_due", report.bytesDue),
            ("quarantined", report.quarantined), ("bytes_quarantined", report.bytesQuarantined),
            ("purged", report.purged), ("failed", report.failed),
        ]
        return [
            .text(run.id), .text(run.kind.rawValue), .optionalText(run.marker), .bool(run.isDry),
            .int(run.asOf.microseconds), .text(report.verdict.rawValue), .optionalText(report.brake?.rawValue),
            .optionalText(report.detail), .optionalText(report.planHash), .int(report.liveReferences),
            .text("{\(counts.map { "\"\($0)\":\($1)" }.joined(separator: ","))}"),
        ]
    }
}
