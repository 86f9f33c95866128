public import CustodeCore
public import PostgresClient

/// Migration's side of the SaaS's Postgres.
public final class PostgresMigration: MigrationCatalog {
    // Any number will do, as long as every Custode takes the same.
    private static let lockNumber: Int64 = 0x4375_7374_6F64_67
    /// Whole tables may have to be read.
    private static let patience = Duration.seconds(600)

    private let pool: PostgresPool
    private let direct: PostgresConfiguration
    private let tables: SaaSTables
    let statements: MigrationStatements

    /// Reads what the SaaS's tables look like.
    ///
    /// - Parameters:
    ///   - pool: Connections whose sessions are ``PostgresCollection/session``'s: what may be hidden is not unknown.
    ///   - direct: How to open a connection outside a pool, past any pooler.
    /// - Throws: ``SchemaMissing``, ``SaaSTables/Fault``, `PostgresError`.
    public init(pool: PostgresPool, direct: PostgresConfiguration) async throws {
        let tables = try await SaaSTables.ready(pool)
        self.pool = pool
        self.direct = direct
        self.tables = tables
        statements = MigrationStatements(tables)
    }

    /// Keeps other migrations out until it is let go.
    public func lock() async throws(CatalogError) -> (any MigrationLock)? {
        do throws(PostgresError) {
            let connection = try await PostgresConnection.connect(direct)
            do throws(PostgresError) {
                let rows = try await connection.query(MigrationStatements.tryLock, [.int(Self.lockNumber)])
                if try rows.first?.bool(0) == true { return SessionLock(connection, Self.lockNumber) }
            } catch {
                await connection.close()
                throw error
            }
            await connection.close()
            return nil
        } catch {
            throw CatalogError(error)
        }
    }

    /// The run of this source that was begun last and not ended.
    public func unfinished(_ source: String) async throws(CatalogError) -> String? {
        let rows = try await query(MigrationStatements.unfinished, [.text(source)])
        return try PostgresCollection.decoding { () throws(PostgresError) in try rows.first?.text(0) }
    }

    /// Records that a run begins, or goes on.
    public func begin(_ run: String, source: String) async throws(CatalogError) {
        _ = try await query(MigrationStatements.begin, [.text(run), .text(source)])
    }

    /// Records how a run ended.
    public func finish(_ run: String, _ counts: MigrationCounts) async throws(CatalogError) {
        let members: [(String, Int64)] = [
            ("found", counts.found), ("matched", counts.matched), ("copied", counts.copied),
            ("skipped", counts.skipped), ("conflicts", counts.conflicts), ("failed", counts.failed),
            ("bytes", counts.bytes),
        ]
        let json = "{\(members.map { "\"\($0)\":\($1)" }.joined(separator: ","))}"
        _ = try await query(MigrationStatements.finish, [.text(run), .text(json)])
    }

    /// The last run of a source, or of any.
    public func last(of source: String?) async throws(CatalogError) -> MigrationStatus? {
        let rows = try await query(MigrationStatements.last, [.optionalText(source)])
        return try PostgresCollection.decoding { () throws(PostgresError) in
            guard let row = rows.first else { return nil }
            var counts = MigrationCounts()
            counts.found = try row.optionalInt(4) ?? 0
            counts.matched = try row.optionalInt(5) ?? 0
            counts.copied = try row.optionalInt(6) ?? 0
            counts.skipped = try row.optionalInt(7) ?? 0
            counts.conflicts = try row.optionalInt(8) ?? 0
            counts.failed = try row.optionalInt(9) ?? 0
            counts.bytes = try row.optionalInt(10) ?? 0
            return MigrationStatus(
                run: try row.text(0), source: try row.text(1), begun: Timestamp(microseconds: try row.int(2)),
                ended: try row.optionalInt(3).map { Timestamp(microseconds: $0) }, counts: counts,
                switched: try row.int(11), sources: try row.int(12))
        }
    }

    /// What refers to each of these files, in the order of the files.
    public func matches(_ files: [LegacyFile]) async throws(CatalogError) -> [[LegacyMatch]] {
        var found = [[LegacyMatch]](repeating: [], count: files.count)
        let claimed = files.indices.filter { files[$0].claim != nil }
        let spelled = files.indices.filter { files[$0].claim == nil && files[$0].place != nil }
        if !claimed.isEmpty {
            let claims = claimed.compactMap { files[$0].claim }
            let rows = try await query(
                statements.claimed,
                [
                    .textArray(claims.map { tables.canonical($0.job.text) ?? "" }),
                    .textArray(claims.map(\.object.text)),
                    .textArray(claimed.map { files[$0].place?.description ?? "" }),
                ])
            try Self.take(rows) { place, match in found[claimed[place]].append(match) }
        }
        if !spelled.isEmpty {
            var (spellings, places): ([String], [String]) = ([], [])
            for (place, file) in spelled.enumerated() {
                for spelling in files[file].spellings {
                    spellings.append(spelling)
                    places.append(String(place + 1))
                }
            }
            let rows = try await query(
                statements.spelled,
                [
                    .textArray(spellings), .textArray(places),
                    .textArray(spelled.map { files[$0].place?.description ?? "" }),
                ])
            try Self.take(rows) { place, match in Self.add(match, to: &found[spelled[place]]) }
        }
        return found
    }

    /// Of a job that refers to a file again, after its reference was switched, only what it refers to now counts.
    private static func add(_ match: LegacyMatch, to matches: inout [LegacyMatch]) {
        let isKnown = matches.contains { $0.found.job == match.found.job && $0.object == match.object }
        if isKnown, match.standing == .home { return }
        matches.append(match)
    }

    private static func take(
        _ rows: PostgresResult, _ body: (Int, LegacyMatch) -> Void
    ) throws(CatalogError) {
        try PostgresCollection.decoding { () throws(PostgresError) in
            for row in rows {
                // What is nobody's, or of no kind that the policy could know, cannot be reached.
                guard let job = JobID(try row.text(1)), let object = ObjectName(try row.text(4)),
                    let owner = try row.optionalText(2).flatMap(UserID.init),
                    let standing = LegacyMatch.Standing(rawValue: try row.text(6))
                else { continue }
                let found = JobObject(
                    job: job, owner: owner, type: JobType(try row.optionalText(3) ?? ""), linkEpoch: 0,
                    reference: try row.optionalText(5).map { .foreign($0) })
                body(Int(try row.int(0)) - 1, LegacyMatch(found: found, object: object, standing: standing))
            }
        }
    }

    func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = []
    ) async throws(CatalogError) -> PostgresResult {
        do throws(PostgresError) {
            return try await pool.query(statement, parameters, timeout: Self.patience)
        } catch {
            throw CatalogError(error)
        }
    }
}

/// An advisory lock of a session, which ends with it.
private final class SessionLock: MigrationLock {
    private let connection: PostgresConnection
    private let number: Int64

    init(_ connection: PostgresConnection, _ number: Int64) {
        self.connection = connection
        self.number = number
    }

    func release() async {
        // Said, since a session ends some time after its client is gone, and who comes next finds it locked until then.
        _ = try? await connection.query(MigrationStatements.unlock, [.int(number)])
        await connection.close()
    }
}
