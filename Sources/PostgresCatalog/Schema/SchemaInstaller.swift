public import PostgresClient

/// Installs, inspects and removes what Custode keeps in the SaaS's database.
///
/// Each call is one transaction under an advisory lock: two at once do the work once, and one that dies
/// leaves nothing half done.
public struct SchemaInstaller: Sendable {
    /// The version that this program needs.
    public static let currentVersion = Int64(SchemaSteps.all.count)
    // Any number will do, as long as every Custode takes the same.
    private static let lock: Int64 = 0x4375_7374_6F64_65

    private static let triggers: Int64 = 6
    private static let insufficientPrivilege = "42501"

    private let connection: PostgresConnection

    /// An installer on a connection of its own.
    public init(_ connection: PostgresConnection) { self.connection = connection }

    /// What a database holds.
    public struct Status: Sendable, Equatable {
        /// The version installed; 0 for none.
        public let installed: Int64
        /// The version that this program needs.
        public let needed: Int64
        /// The identity of the storage that the database belongs to.
        public let identity: String?
        /// Whether the triggers that feed the outbox are in place; without them the nightly sweep finds what goes.
        public let hasTriggers: Bool

        /// Whether this program can work with it.
        public var isCurrent: Bool { installed == needed }
    }

    /// What an installation did.
    public struct Installation: Sendable, Equatable {
        /// The version before; 0 for none.
        public let before: Int64
        /// Whether the triggers are in place, which takes the right to make them on the SaaS's tables.
        public let hasTriggers: Bool
    }

    /// Brings the schema to the current version.
    ///
    /// - Throws: ``SaaSTables/Fault``; ``NewerSchema`` if a later program was here; `PostgresError`.
    public func install() async throws -> Installation {
        try await locked { connection in
            let tables = try await SaaSTables(connection)
            let before = try await installedVersion(connection)
            guard before <= Self.currentVersion else { throw NewerSchema(version: before) }
            for step in SchemaSteps.all.dropFirst(Int(before)) { try await connection.execute(script: step) }
            // They depend on the types of the SaaS's columns, and are replaced rather than versioned.
            try await connection.execute(script: SchemaSteps.functions(tables))
            try await connection.execute(script: SchemaSteps.condemning(tables))
            try await connection.execute(script: SchemaSteps.restoring)
            try await connection.execute(script: SchemaSteps.triggerFunctions)
            try await connection.execute(script: SchemaSteps.usageFunctions)
            try await connection.execute(script: SchemaSteps.uploadFunctions)
            try await connection.execute(script: SchemaSteps.rewriting(tables))
            let hasTriggers = try await makeTriggers(tables, connection)
            try await connection.execute(
                script: "update custode.schema_version set version = \(Self.currentVersion), installed_at = now() "
                    + "where version < \(Self.currentVersion)")
            return Installation(before: before, hasTriggers: hasTriggers)
        }
    }

    /// Makes the triggers that are not there; all or none of them.
    private func makeTriggers(_ tables: SaaSTables, _ connection: PostgresConnection) async throws -> Bool {
        try await connection.execute(script: "savepoint triggers")
        do throws(PostgresError) {
            for trigger in SchemaSteps.triggers(tables) { try await make(trigger, connection) }
            return true
        } catch {
            guard error.sqlState == Self.insufficientPrivilege else { throw error }
        }
        try await connection.execute(script: "rollback to savepoint triggers")
        return false
    }

    private func make(
        _ trigger: (table: String, name: String, definition: String), _ connection: PostgresConnection
    ) async throws(PostgresError) {
        let there = try await connection.query(
            "select exists (select from pg_trigger where tgrelid = to_regclass($1) and tgname = $2)",
            [.text(trigger.table), .text(trigger.name)])
        guard try there.first?.bool(0) == false else { return }
        try await connection.execute(script: "create trigger \(trigger.name) \(trigger.definition)")
    }

    /// Removes everything of Custode's from the database: what was published remains in the bucket and in
    /// the SaaS's references, but types, checksums and names of it are forgotten.
    ///
    /// - Returns: The version before; 0 if there was none.
    public func uninstall() async throws -> Int64 {
        try await locked { connection in
            let before = try await installedVersion(connection)
            try await connection.execute(script: "drop schema if exists custode cascade")
            return before
        }
    }

    /// Tells what is installed.
    public func status() async throws -> Status {
        let version = try await installedVersion(connection)
        let identity =
            version == 0
            ? nil
            : try await connection.query(PostgresStatement(name: nil, "select id::text from custode.storage_identity"))
                .first?.text(0)
        return Status(
            installed: version, needed: Self.currentVersion, identity: identity,
            hasTriggers: try await countTriggers() == Self.triggers)
    }

    private func countTriggers() async throws -> Int64 {
        try await connection.query(
            """
            select count(*) from pg_trigger t join pg_proc p on p.oid = t.tgfoid join pg_namespace n on n.oid = p.pronamespace
            where t.tgrelid in (to_regclass('jobs'), to_regclass('artifacts')) and n.nspname = 'custode'
                and t.tgenabled in ('O', 'A')
            """
        ).first?.int(0) ?? 0
    }

    private func installedVersion(_ connection: PostgresConnection) async throws -> Int64 {
        let there = try await connection.query(
            PostgresStatement(name: nil, "select to_regclass('custode.schema_version') is not null"))
        guard try there.first?.bool(0) == true else { return 0 }
        return try await connection.query(PostgresStatement(name: nil, "select version from custode.schema_version"))
            .first?.int(0) ?? 0
    }

    private func locked<T>(_ body: (PostgresConnection) async throws -> T) async throws -> T {
        try await connection.withTransaction { connection in
            _ = try await connection.query(
                PostgresStatement(name: nil, "select pg_advisory_xact_lock($1)"), [.int(Self.lock)])
            return try await body(connection)
        }
    }
}

/// The database was installed by a later version of Custode.
public struct NewerSchema: Error, CustomStringConvertible {
    /// The version found.
    public let version: Int64

    /// What it is, for logs and people.
    public var description: String {
        "the database carries schema version \(version), newer than this program knows; run that newer Custode"
    }
}
