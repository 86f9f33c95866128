public import CustodeCore
public import PostgresClient

/// The catalog in the SaaS's Postgres.
///
/// Look-ups of single objects that wait at the same time travel in one query; nothing is remembered
/// from one to the next.
public final class PostgresCatalog: Catalog {
    private let pool: PostgresPool
    let lookups: PostgresPool
    private let tables: SaaSTables
    private let statements: CatalogStatements
    private let batcher: LookupBatcher
    private let beginnings: QueryBatcher<Beginning, UploadIntent>?
    private let turns = JobTurns()

    /// Reads what the SaaS's tables look like and checks that the schema is the one this program needs.
    ///
    /// - Parameters:
    ///   - pool: The connections of what may have to wait for a row of the SaaS's.
    ///   - lookups: Those of what never does, so that no waiting keeps it from answering.
    ///   - beginsTogether: Whether uploads that begin at the same time share a transaction for their intents: quicker for many,
    ///     and as slow as the slowest, should somebody be at one of the jobs.
    /// - Throws: ``SchemaMissing``, ``SaaSTables/Fault``, `PostgresError`.
    public init(pool: PostgresPool, lookups: PostgresPool, beginsTogether: Bool = false) async throws {
        let tables = try await SaaSTables.ready(pool)
        self.pool = pool
        self.lookups = lookups
        self.tables = tables
        statements = CatalogStatements(tables)
        beginnings =
            beginsTogether
            ? QueryBatcher { beginnings throws(CatalogError) in try await Self.begin(beginnings, pool) } : nil
        let statement = statements.find
        batcher = LookupBatcher { questions throws(CatalogError) in
            try await Self.find(questions, statement, lookups)
        }
    }

    /// Finds a job and what it refers to, as of now.
    public func find(_ job: JobID, _ object: ObjectName) async throws(CatalogError) -> JobObject? {
        guard let id = tables.canonical(job.text) else { return nil }
        return try await traced("look-up") { () async throws(CatalogError) in
            try await batcher.find(LookupQuestion(job: id, object: object.text))
        }
    }

    /// Finds a job and what it refers to, as of now.
    public func find(_ wanted: [(job: JobID, object: ObjectName)]) async throws(CatalogError) -> [JobObject?] {
        var questions: [LookupQuestion] = []
        var places: [Int?] = []
        for (job, object) in wanted {
            guard let id = tables.canonical(job.text) else {
                places.append(nil)
                continue
            }
            places.append(questions.count)
            questions.append(LookupQuestion(job: id, object: object.text))
        }
        guard !questions.isEmpty else { return wanted.map { _ in nil } }
        let answers = try await traced("look-ups") { () async throws(CatalogError) in
            try await Self.find(questions, statements.find, lookups)
        }
        return places.map { $0.flatMap { answers[$0] } }
    }

    /// Finds a job with all objects it refers to.
    public func objects(of job: JobID) async throws(CatalogError) -> (owner: UserID, objects: [ObjectRecord])? {
        guard let id = tables.canonical(job.text) else { return nil }
        let rows = try await query(statements.objects, [.text(id)], on: lookups)
        return try Self.decoding { () throws(PostgresError) in
            guard let first = rows.first, let owner = try first.optionalText(0).flatMap(UserID.init) else { return nil }
            var records: [ObjectRecord] = []
            for row in rows where try !row.isNull(1) {
                if let record = try RowDecoding.record(row, job: JobID(id), object: row.text(1), from: 2),
                    try !RowDecoding.isAnothers(row, 9, record.key, owner)
                {
                    records.append(record)
                }
            }
            return (owner, records)
        }
    }

    /// Starts what will become one object.
    public func beginUpload(
        job: JobID, object: ObjectName, plain: ObjectKey, suffixed: ObjectKey, lease: Duration
    ) async throws(CatalogError) -> UploadIntent {
        if let beginnings {
            return try await beginnings.find(Beginning(job: job, plain: plain, suffixed: suffixed, lease: lease))
        }
        let rows = try await query(
            statements.beginUpload,
            [.text(job.text), .text(plain.text), .text(suffixed.text), .text(lease.interval)])
        return try Self.decoding { () throws(PostgresError) in
            guard let row = rows.first else { throw RowDecoding.nothing }
            return UploadIntent(id: try row.int(0), key: try row.text(1) == plain.text ? plain : suffixed)
        }
    }

    /// Moves an intent to another key, before bytes appear there.
    public func move(_ intent: UploadIntent, to key: ObjectKey) async throws(CatalogError) -> UploadIntent {
        let moved = try await query(statements.move, [.int(intent.id), .text(key.text)])
        guard moved.affectedRows == 1 else { throw .failed("an upload's intent is gone") }
        return UploadIntent(id: intent.id, key: key)
    }

    /// Keeps an intent alive for another lease from now.
    public func renew(_ intent: UploadIntent, lease: Duration) async throws(CatalogError) {
        _ = try await query(statements.renew, [.int(intent.id), .text(lease.interval)])
    }

    /// Closes an intent under whose key no bytes were published.
    public func cancel(_ intent: UploadIntent) async throws(CatalogError) {
        _ = try await query(statements.cancel, [.int(intent.id)])
    }

    /// Hands an intent's bytes over to collection.
    public func abandon(_ intent: UploadIntent) async throws(CatalogError) {
        _ = try await query(
            statements.abandon, [.int(intent.id), .text(intent.key.text), .text(intent.key.job.text)])
    }

    /// Makes the job refer to an upload's bytes, in one transaction under the job's lock.
    public func publish(_ publication: Publication) async throws(CatalogError) -> PublishOutcome {
        let record = publication.record
        var parameters: [PostgresValue] = [
            .int(publication.intent.id), .text(record.job.text), .text(publication.owner.text),
            .text(record.object.text), .text(record.key), .text(record.contentType), .int(record.size),
            .text(record.sha256.hex), .text(record.etag.text), .optionalText(record.filename),
            .text(Self.text(publication.expectation)),
            .optionalText(publication.link.map { Hex.encode($0.nonce) }),
            publication.link.map { .int($0.expiresAt.seconds) } ?? .null,
        ]
        var statement = statements.publish
        if let rewrite = publication.rewrite {
            statement = CatalogStatements.rewrite
            parameters += Self.parameters(of: rewrite)
        }
        let rows = try await change(record.job, statement, parameters)
        return try Self.decoding { () throws(PostgresError) in
            guard let row = rows.first else { throw RowDecoding.nothing }
            return try Self.outcome(row)
        }
    }

    private static func parameters(of rewrite: Rewrite) -> [PostgresValue] {
        var key: String?
        if case .object(let text) = rewrite.source { key = text }
        return [
            .text(rewrite.run), .optionalText(rewrite.reference), .text(rewrite.source.description),
            .optionalText(key), .text(rewrite.facts.etag), .int(rewrite.facts.size),
            .int(rewrite.facts.modified.microseconds), .textArray(rewrite.spellings),
        ]
    }

    /// How a publication ended: a word, and a moment.
    static func outcome(_ row: PostgresRow) throws(PostgresError) -> PublishOutcome {
        switch try row.text(0) {
        case "published": .published(Timestamp(microseconds: try row.int(1)))
        case "gone": .jobGone
        case "exists": .exists
        case "changed": .changed
        case "used": .linkUsed
        default: .intentLost
        }
    }

    /// Makes the job no longer refer to this object.
    public func forget(
        _ job: JobID, of owner: UserID, _ object: ObjectName, _ expectation: Publication.Expectation
    ) async throws(CatalogError) -> ForgetOutcome {
        let rows = try await change(
            job, statements.forget,
            [.text(job.text), .text(owner.text), .text(object.text), .text(Self.text(expectation))])
        return try Self.decoding { () throws(PostgresError) in
            guard let outcome = ForgetOutcome(rawValue: try rows.first?.text(0) ?? "") else {
                throw RowDecoding.nothing
            }
            return outcome
        }
    }

    /// Makes every link of the job minted so far invalid.
    public func revokeLinks(of job: JobID) async throws(CatalogError) {
        _ = try await query(statements.revokeLinks, [.text(job.text)])
    }

    /// Uses up a link that works once.
    public func burn(_ nonce: [UInt8], expires: Timestamp) async throws(CatalogError) -> Bool {
        try await query(statements.burn, [.text(Hex.encode(nonce)), .int(expires.seconds)]).affectedRows == 1
    }

    /// Whether a link that works once was used.
    public func isBurnt(_ nonce: [UInt8]) async throws(CatalogError) -> Bool {
        let rows = try await query(statements.isBurnt, [.text(Hex.encode(nonce))], on: lookups)
        return try Self.decoding { () throws(PostgresError) in try rows.first?.bool(0) ?? false }
    }

    /// Confirms that it answers, and is fit for use.
    public func probe() async throws(CatalogError) {
        _ = try await query(statements.probe, on: lookups)
    }

    func change(
        _ job: JobID, _ statement: PostgresStatement, _ parameters: [PostgresValue]
    ) async throws(CatalogError) -> PostgresResult {
        try await turns.take(job.text) { () async throws(CatalogError) in try await query(statement, parameters) }
    }

    func query(
        _ statement: PostgresStatement, _ parameters: [PostgresValue] = [], on other: PostgresPool? = nil
    ) async throws(CatalogError) -> PostgresResult {
        try await traced(statement.name ?? "query") { () async throws(CatalogError) in
            do throws(PostgresError) {
                return try await (other ?? pool).query(statement, parameters)
            } catch {
                throw CatalogError(error)
            }
        }
    }

    /// An upload that begins.
    private struct Beginning: Sendable {
        let job: JobID
        let plain: ObjectKey
        let suffixed: ObjectKey
        let lease: Duration
    }

    private static func begin(
        _ beginnings: [Beginning], _ pool: PostgresPool
    ) async throws(CatalogError) -> [UploadIntent] {
        do throws(PostgresError) {
            let rows = try await pool.query(
                CatalogStatements.beginUploads,
                [
                    .textArray(beginnings.map(\.job.text)), .textArray(beginnings.map(\.plain.text)),
                    .textArray(beginnings.map(\.suffixed.text)),
                    .text((beginnings.map(\.lease).max() ?? .zero).interval),
                ])
            guard rows.count == beginnings.count else { throw RowDecoding.nothing }
            var intents: [UploadIntent] = []
            for (row, beginning) in zip(rows, beginnings) {
                let key = try row.text(1) == beginning.plain.text ? beginning.plain : beginning.suffixed
                intents.append(UploadIntent(id: try row.int(0), key: key))
            }
            return intents
        } catch {
            throw CatalogError(error)
        }
    }

    private static func find(
        _ questions: [LookupQuestion], _ statement: PostgresStatement, _ pool: PostgresPool
    ) async throws(CatalogError) -> [JobObject?] {
        do throws(PostgresError) {
            let rows = try await pool.query(
                statement, [.textArray(questions.map(\.job)), .textArray(questions.map(\.object))])
            var answers = [JobObject?](repeating: nil, count: questions.count)
            for row in rows {
                let place = Int(try row.int(0)) - 1
                guard answers.indices.contains(place) else { continue }
                answers[place] = try RowDecoding.jobObject(row, object: questions[place].object)
            }
            return answers
        } catch {
            throw CatalogError(error)
        }
    }

    static func text(_ expectation: Publication.Expectation) -> String {
        switch expectation {
        case .absent: "absent"
        case .present: "present"
        case .matches(let etag): etag.text
        }
    }

    static func decoding<T>(_ body: () throws(PostgresError) -> T) throws(CatalogError) -> T {
        do throws(PostgresError) {
            return try body()
        } catch {
            throw CatalogError(error)
        }
    }
}

/// The database does not carry the schema that this program needs.
public struct SchemaMissing: Error, CustomStringConvertible, Sendable {
    /// What it carries.
    public let status: SchemaInstaller.Status

    /// The fault of a database in this state.
    public init(_ status: SchemaInstaller.Status) { self.status = status }

    /// What it is, for logs and people.
    public var description: String {
        status.installed == 0
            ? "the database has no Custode schema; run: custode schema install"
            : "the database carries Custode schema version \(status.installed), this program needs "
                + "\(status.needed); run: custode schema install"
    }
}

extension Duration {
    /// The duration as Postgres reads an interval.
    var interval: String { "\(components.seconds) s \(components.attoseconds / 1_000_000_000_000) us" }
}

extension CatalogError {
    /// The SQL state of a lock that was waited for in vain.
    private static let lockNotAvailable = "55P03"
    /// The SQL state of `custode.fence`.
    private static let superseded = "CU001"

    /// What an error of the client means to the core; details are for the log only.
    init(_ error: PostgresError) {
        if error.code == .cancelled {
            self = .cancelled
        } else if error.sqlState == Self.superseded {
            self = .superseded
        } else if error.isRetryable || error.code == .closed || error.sqlState == Self.lockNotAvailable {
            self = .unavailable(error.debugDescription)
        } else {
            self = .failed(error.debugDescription)
        }
    }
}
