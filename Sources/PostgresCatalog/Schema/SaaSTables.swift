public import PostgresClient

/// What the SaaS's own tables look like, which differs from one deployment to the next.
///
/// They are found on the connection's search path. Ids may be uuid, bigint or text.
public struct SaaSTables: Sendable, Equatable {
    /// The type of an id column.
    public enum IDType: String, Sendable {
        /// `uuid`.
        case uuid
        /// `bigint`, or another integer type.
        case bigint
        /// `text` or `varchar`.
        case text

        init?(databaseType: String) {
            switch databaseType {
            case "uuid": self = .uuid
            case "bigint", "integer": self = .bigint
            case "text", "character varying": self = .text
            default: return nil
            }
        }
    }

    /// What is wrong with the tables, and what to do about it.
    public struct Fault: Error, CustomStringConvertible, Sendable {
        /// One sentence.
        public let description: String
    }

    /// `jobs`, qualified and quoted.
    let jobs: String
    /// `artifacts`, qualified and quoted.
    let artifacts: String
    /// The type of `jobs.id`.
    public let jobID: IDType
    /// The type that an artifact's kind must be cast to.
    let kindType: String
    /// The expression for a new artifact's id; `nil` where the column has a default.
    let newArtifactID: String?

    private static let columns = PostgresStatement(
        name: nil,
        """
        select c.relname, a.attname, format_type(a.atttypid, null), a.atthasdef or a.attidentity <> '',
               format('%I.%I', n.nspname, c.relname)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
        where c.oid in (to_regclass('jobs'), to_regclass('artifacts')) and a.attnum > 0 and not a.attisdropped
        """)

    /// Reads the tables' definitions.
    ///
    /// - Throws: ``Fault`` if they are missing or cannot be served; `PostgresError`.
    public init(_ connection: PostgresConnection) async throws {
        var types: [String: String] = [:]
        var names: [String: String] = [:]
        var withDefault: Set<String> = []
        for row in try await connection.query(Self.columns) {
            let (table, column) = (try row.text(0), try row.text(1))
            types["\(table).\(column)"] = try row.text(2)
            if try row.bool(3) { withDefault.insert("\(table).\(column)") }
            names[table] = try row.text(4)
        }
        for needed in [
            "jobs.id", "jobs.user_id", "jobs.type", "jobs.input_ref", "artifacts.id", "artifacts.job_id",
            "artifacts.kind", "artifacts.storage_ref",
        ] where types[needed] == nil {
            throw Fault(
                description: "the SaaS's column \(needed) is not there; point CUSTODE_DATABASE_URL at the SaaS's "
                    + "database, with its tables on the search path")
        }
        guard let jobID = types["jobs.id"].flatMap(IDType.init(databaseType:)), let jobs = names["jobs"],
            let artifacts = names["artifacts"], let kindType = types["artifacts.kind"]
        else {
            throw Fault(description: "jobs.id is \(types["jobs.id"] ?? "of no type"); it must be uuid, bigint or text")
        }
        self.jobs = jobs
        self.artifacts = artifacts
        self.jobID = jobID
        self.kindType = kindType
        switch (withDefault.contains("artifacts.id"), types["artifacts.id"].flatMap(IDType.init(databaseType:))) {
        case (true, _): newArtifactID = nil
        case (false, .uuid): newArtifactID = "gen_random_uuid()"
        case (false, .text): newArtifactID = "gen_random_uuid()::text"
        default: throw Fault(description: "artifacts.id has no default; give it one, or make it uuid or text")
        }
    }

    /// Reads them, where the schema is the one that this program needs.
    ///
    /// - Throws: ``SchemaMissing``, ``Fault``, `PostgresError`.
    static func ready(_ pool: PostgresPool) async throws -> SaaSTables {
        try await pool.withConnection { connection in
            let status = try await SchemaInstaller(connection).status()
            guard status.isCurrent else { throw SchemaMissing(status) }
            return try await SaaSTables(connection)
        }
    }

    /// The spelling under which the column's type finds an id; `nil` if none can.
    func canonical(_ id: String) -> String? {
        switch jobID {
        case .text: return id
        case .bigint:
            guard let number = Int64(id), String(number) == id else { return nil }
            return id
        case .uuid:
            let lower = id.lowercased()
            let bytes = Array(lower.utf8)
            guard bytes.count == 36 else { return nil }
            for (index, byte) in bytes.enumerated() {
                let isDash = [8, 13, 18, 23].contains(index)
                guard isDash ? byte == 0x2D : (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) else {
                    return nil
                }
            }
            return lower
        }
    }
}
