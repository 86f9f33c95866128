import CustodeCore
import CustodeTesting
import PostgresCatalog
import PostgresClient
import Testing

/// A database with the SaaS's tables, the schema, and a catalog on it.
struct CatalogWorld {
    let ids: IDKind
    let pool: PostgresPool
    let catalog: PostgresCatalog

    /// A pool on a fresh database without the schema, which a script may have made different.
    static func pool(_ ids: IDKind = .uuid, after script: String? = nil) async throws -> PostgresPool {
        let database = try await PrivatePostgres.shared().createSaaSDatabase(ids: ids)
        if let script { try await database.sql(script) }
        return PostgresPool(PostgresConfiguration(uri: database.uri))
    }

    /// The first column of each row, as text.
    @discardableResult
    func column(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> [String?] {
        try await pool.query(PostgresStatement(name: nil, sql), parameters).map { try $0.optionalText(0) }
    }

    func value(_ sql: String, _ parameters: [PostgresValue] = []) async throws -> String? {
        try await column(sql, parameters).first ?? nil
    }

    /// The one number that a statement yields.
    func number(_ sql: String) async throws -> Double {
        let text = try #require(try await value(sql))
        return try #require(Double(text))
    }

    /// A new user, and a job of theirs.
    func job(of user: UserID? = nil, type: String = "transcription") async throws -> (job: JobID, user: UserID) {
        var owner = user
        if owner == nil { owner = try await self.user() }
        let user = try #require(owner)
        let id = ids == .text ? "(id, user_id, type) values ('job|' || gen_random_uuid(), " : "(user_id, type) values ("
        let job = try await value(
            "insert into jobs \(id)$1::\(ids.rawValue), $2) returning id::text", [.text(user.text), .text(type)])
        return (try #require(job.flatMap { JobID($0) }), user)
    }

    func user() async throws -> UserID {
        let id = ids == .text ? "(id, email) values ('auth0|' || gen_random_uuid(), " : "(email) values ("
        let user = try await value("insert into users \(id)gen_random_uuid()::text) returning id::text")
        return try #require(user.flatMap { UserID($0) })
    }

    func keys(
        _ job: JobID, _ user: UserID, _ object: ObjectName = .input, suffix: String = "abc234"
    ) throws -> (plain: ObjectKey, suffixed: ObjectKey) {
        let end = object.isInput ? "wav" : "txt"
        return (
            try ObjectKey(user: user, job: job, object: object, extension: end),
            try ObjectKey(user: user, job: job, object: object, suffix: suffix, extension: end)
        )
    }

    func begin(
        _ job: JobID, _ user: UserID, _ object: ObjectName = .input, suffix: String = "abc234",
        lease: Duration = .seconds(60)
    ) async throws -> UploadIntent {
        let keys = try keys(job, user, object, suffix: suffix)
        return try await catalog.beginUpload(
            job: job, object: object, plain: keys.plain, suffixed: keys.suffixed, lease: lease)
    }

    func record(_ intent: UploadIntent, _ content: UInt8 = 1, filename: String? = "größe.wav") throws -> ObjectRecord {
        let sha256 = try #require(Digest([UInt8](repeating: content, count: 32)))
        return ObjectRecord(
            job: intent.key.job, object: intent.key.object, key: intent.key.text, contentType: "audio/wav", size: 42,
            sha256: sha256, etag: ETag(sha256), filename: filename, createdAt: Timestamp(seconds: 0))
    }

    func publish(
        _ intent: UploadIntent, _ content: UInt8 = 1, expecting expectation: Publication.Expectation = .absent,
        as user: UserID? = nil, link: LinkClaims? = nil
    ) async throws -> PublishOutcome {
        try await catalog.publish(
            Publication(
                intent: intent, owner: user ?? intent.key.user, record: record(intent, content),
                expectation: expectation, link: link))
    }

    /// Publishes from an intent of its own, and returns what the catalog recorded.
    func put(
        _ job: JobID, _ user: UserID, _ object: ObjectName = .input, _ content: UInt8 = 1,
        expecting expectation: Publication.Expectation = .absent, suffix: String = "abc234"
    ) async throws -> ObjectRecord {
        let intent = try await begin(job, user, object, suffix: suffix)
        let outcome = try await publish(intent, content, expecting: expectation)
        guard case .published = outcome else {
            throw Unexpected(outcome: outcome)
        }
        guard case .published(let record)? = try await catalog.find(job, object)?.reference else {
            throw Unexpected(outcome: outcome)
        }
        return record
    }

    struct Unexpected: Error { let outcome: PublishOutcome }

    /// The open intents and the abandoned ones, by key.
    func intents(_ state: String) async throws -> [String] {
        try await column("select key from custode.upload_intents where state = $1 order by key", [.text(state)])
            .compactMap { $0 }
    }
}

extension CatalogWorld {
    init(_ ids: IDKind) async throws {
        let pool = try await Self.pool(ids)
        _ = try await pool.withConnection { try await SchemaInstaller($0).install() }
        self.init(ids: ids, pool: pool, catalog: try await PostgresCatalog(pool: pool, lookups: pool))
    }
}

extension PublishOutcome {
    var isPublished: Bool {
        if case .published = self { true } else { false }
    }
}

extension ObjectName {
    static func named(_ name: String) throws -> ObjectName { try #require(ObjectName(name)) }
}
