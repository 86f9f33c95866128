import CustodeCore
import Foundation
import PostgresCatalog
import PostgresClient

/// Looks at the database: whether it can be used, and whether it is what it seems.
struct DatabaseChecks {
    let parts: Parts

    /// What was found, until something is so wrong that the rest cannot be looked at.
    func run() async -> [Finding] {
        let connection: PostgresConnection
        do {
            connection = try await parts.connection()
        } catch {
            return [Finding("database", .wrong, Finding.explanation(error))]
        }
        var findings = [
            await Finding.of("database") { try route(connection) },
            await Finding.of("primary") { try await primary(connection) },
        ]
        let schema = await Finding.of("schema") {
            let status = try await SchemaInstaller(connection).status()
            guard status.isCurrent else { throw SchemaMissing(status) }
            _ = try await SaaSTables(connection)
            return "version \(status.installed)"
        }
        findings.append(schema)
        if schema.level == .good {
            findings.append(await Finding.of("grants") { try await grants(connection) })
            findings.append(await Finding.of("row security") { try await rowSecurity(connection) })
            findings.append(await Finding.of("triggers") { try await triggers(connection) })
        }
        findings.append(await Finding.of("clock") { try await clock(connection) })
        await connection.close()
        return findings
    }

    /// A pooler between us and the server that hands each transaction to another session loses what sessions hold: locks,
    /// statements, settings.
    private func route(_ connection: PostgresConnection) throws -> String {
        let parts = (try? parts.settings.requireDatabase()).flatMap(URLComponents.init(string:))
        if parts?.port == 6_543 {
            throw Doubt(
                "port 6543 is usually a pooler's that keeps no session; Custode needs sessions: take the direct connection, or the pooler's port 5432"
            )
        }
        return "server \(connection.serverVersion)"
    }

    private func primary(_ connection: PostgresConnection) async throws -> String {
        guard try await truth("select not pg_is_in_recovery()", connection) else {
            throw CommandFailure(
                description:
                    "this server is a replica, which takes no writes; point CUSTODE_DATABASE_URL at the primary")
        }
        return "it takes writes"
    }

    /// Whether the role may do with the tables what serving takes.
    private func grants(_ connection: PostgresConnection) async throws -> String {
        let lacking = try await text(
            """
            select coalesce(string_agg(x.name, ', ' order by x.name), '') from (
                select 'custode.' || c.relname as name from pg_class c
                where c.relnamespace = (select oid from pg_namespace where nspname = 'custode') and c.relkind = 'r'
                    and not (select bool_and(has_table_privilege(c.oid, w))
                        from unnest(array['select', 'insert', 'update', 'delete']) w)
                union all select 'jobs' where not (has_table_privilege(to_regclass('jobs'), 'select')
                    and has_column_privilege(to_regclass('jobs'), 'input_ref', 'update'))
                union all select 'artifacts' where not (has_table_privilege(to_regclass('artifacts'), 'select')
                    and has_table_privilege(to_regclass('artifacts'), 'insert')
                    and has_table_privilege(to_regclass('artifacts'), 'delete')
                    and has_column_privilege(to_regclass('artifacts'), 'storage_ref', 'update'))) x
            """, connection)
        guard lacking.isEmpty else {
            throw CommandFailure(
                description:
                    "the role may not use \(lacking) as it must; run policies/database/grants.sql as their owner")
        }
        return "the role may use every table as it must"
    }

    /// Rows that are hidden look like jobs that were deleted.
    private func rowSecurity(_ connection: PostgresConnection) async throws -> String {
        let isHidden = try await truth(
            "select row_security_active(to_regclass('jobs')) or row_security_active(to_regclass('artifacts'))",
            connection)
        guard !isHidden else {
            throw CommandFailure(
                description:
                    "row-level security may hide jobs from this role, whose objects would look abandoned; run policies/database/supabase.sql, or grant bypassrls"
            )
        }
        return "no row is hidden from the role"
    }

    private func triggers(_ connection: PostgresConnection) async throws -> String {
        let count =
            try await connection.query(
                PostgresStatement(
                    name: nil,
                    """
                    select count(distinct tgrelid) from pg_trigger
                    where tgrelid in (to_regclass('jobs'), to_regclass('artifacts')) and tgname like 'custode%'
                        and tgenabled <> 'D'
                    """)
            ).first?.int(0) ?? 0
        guard count == 2 else {
            throw Doubt(
                "jobs or artifacts have no triggers of ours, so that deletions are noticed by the nightly sweep alone; run custode schema install as the owner of the tables"
            )
        }
        return "deletions are noticed at once"
    }

    private func clock(_ connection: PostgresConnection) async throws -> String {
        let before = parts.clock.now()
        let theirs =
            try await connection.query(
                PostgresStatement(name: nil, "select (extract(epoch from clock_timestamp()) * 1000000)::bigint")
            ).first?.int(0) ?? 0
        let skew = (theirs - before.microseconds) / 1_000_000
        guard abs(skew) <= 60 else {
            throw CommandFailure(description: "the database's clock is \(skew) s off ours; run NTP on both")
        }
        return "the database's differs by less than a minute"
    }

    private func truth(_ sql: String, _ connection: PostgresConnection) async throws -> Bool {
        try await connection.query(PostgresStatement(name: nil, sql)).first?.bool(0) ?? false
    }

    private func text(_ sql: String, _ connection: PostgresConnection) async throws -> String {
        try await connection.query(PostgresStatement(name: nil, sql)).first?.text(0) ?? ""
    }
}
