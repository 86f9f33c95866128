import CustodeCore
import CustodeTesting
import PostgresClient
import Testing

@testable import PostgresCatalog

@Suite("the schema", .serialized)
struct SchemaInstallerTests {
    private func run(_ pool: PostgresPool, _ script: String) async throws {
        try await pool.withConnection { try await $0.execute(script: script) }
    }

    private func status(_ pool: PostgresPool) async throws -> SchemaInstaller.Status {
        try await pool.withConnection { try await SchemaInstaller($0).status() }
    }

    private func install(_ pool: PostgresPool) async throws -> Int64 {
        try await pool.withConnection { try await SchemaInstaller($0).install().before }
    }

    @Test("installed twice it is installed once: the second changes nothing", arguments: IDKind.allCases)
    func twice(ids: IDKind) async throws {
        let pool = try await CatalogWorld.pool(ids)
        let none = SchemaInstaller.Status(
            installed: 0, needed: SchemaInstaller.currentVersion, identity: nil, hasTriggers: false)
        #expect(try await status(pool) == none)
        #expect(try await install(pool) == 0)
        let first = try await status(pool)
        #expect(first.isCurrent && first.identity != nil && first.hasTriggers)
        #expect(try await install(pool) == SchemaInstaller.currentVersion)
        #expect(try await status(pool) == first, "the identity of the storage stays")
    }

    @Test("installed from several connections at once it is installed once")
    func atOnce() async throws {
        for ids in IDKind.allCases {
            let pool = try await CatalogWorld.pool(ids)
            let before = try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<4 { group.addTask { try await install(pool) } }
                return try await group.reduce(into: []) { $0.append($1) }.sorted()
            }
            #expect(before == [0] + [Int64](repeating: SchemaInstaller.currentVersion, count: 3))
            _ = try await PostgresCatalog(pool: pool, lookups: pool)
        }
    }

    @Test("a database of each version before is brought to this one, with what it holds")
    func upgrade() async throws {
        for version in 1..<SchemaInstaller.currentVersion {
            let pool = try await CatalogWorld.pool()
            for step in SchemaSteps.all.prefix(Int(version)) { try await run(pool, step) }
            try await run(
                pool,
                "update custode.schema_version set version = \(version); insert into custode.upload_intents"
                    + " (key, job_id, lease_until) values ('k', 'j', clock_timestamp() + interval '1 h')")
            let before = try await status(pool)
            #expect(before.installed == version && !before.isCurrent)
            await #expect(throws: SchemaMissing.self) { _ = try await PostgresCatalog(pool: pool, lookups: pool) }
            #expect(try await install(pool) == version)
            let after = try await status(pool)
            #expect(after.isCurrent && after.identity == before.identity)
            #expect(try await pool.query("select key from custode.upload_intents").first?.text(0) == "k")
            _ = try await pool.query("select custode.renew_claims('r', null, null, '1 s', '{}')")
        }
    }

    @Test("uninstalled it leaves nothing behind, and the SaaS's rows as they are")
    func uninstall() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, user) = try await world.job()
        let record = try await world.put(job, user)
        let before = try await world.pool.withConnection { try await SchemaInstaller($0).uninstall() }
        #expect(before == SchemaInstaller.currentVersion)
        #expect(try await world.value("select count(*)::text from pg_namespace where nspname = 'custode'") == "0")
        #expect(try await world.value("select input_ref from jobs") == record.key)
        #expect(try await status(world.pool).installed == 0)
        let again = try await world.pool.withConnection { try await SchemaInstaller($0).uninstall() }
        #expect(again == 0)
        #expect(try await install(world.pool) == 0)
    }

    @Test("a catalog is not opened without the schema this program needs, and says what to run")
    func missing() async throws {
        let pool = try await CatalogWorld.pool()
        let error = await #expect(throws: SchemaMissing.self) {
            _ = try await PostgresCatalog(pool: pool, lookups: pool)
        }
        #expect(error?.description.contains("custode schema install") == true)
    }

    @Test("a schema of a later program is left alone")
    func newer() async throws {
        let pool = try await CatalogWorld.pool()
        _ = try await install(pool)
        try await run(pool, "update custode.schema_version set version = version + 1")
        await #expect(throws: NewerSchema.self) { try await install(pool) }
        await #expect(throws: SchemaMissing.self) { _ = try await PostgresCatalog(pool: pool, lookups: pool) }
        #expect(try await status(pool).installed == SchemaInstaller.currentVersion + 1)
    }

    @Test("an installation that fails half-way leaves nothing")
    func atomic() async throws {
        let pool = try await CatalogWorld.pool()
        try await run(pool, "alter table artifacts drop column storage_ref")
        await #expect(throws: SaaSTables.Fault.self) { try await install(pool) }
        try await run(
            pool, "alter table artifacts add column storage_ref text; create schema custode; create table custode.x ()")
        await #expect(throws: (any Error).self) { try await install(pool) }
        let tables = try await pool.query("select count(*)::text from pg_tables where schemaname = 'custode'").first?
            .text(0)
        #expect(tables == "1")
    }

    @Test(
        "tables that cannot be served are refused with a word of why",
        arguments: [
            ("drop table artifacts", "artifacts.id"), ("drop table artifacts, jobs cascade", "jobs.id"),
            ("alter table jobs rename column input_ref to input", "jobs.input_ref"),
            ("alter table artifacts rename column kind to type", "artifacts.kind"),
            (
                "drop table artifacts, jobs cascade; create table jobs (id numeric, user_id text, type text, input_ref text);"
                    + "create table artifacts (id uuid, job_id numeric, kind text, storage_ref text)",
                "jobs.id is numeric"
            ),
            (
                "alter table artifacts drop column id; alter table artifacts add column id bigint",
                "artifacts.id has no default"
            ),
        ])
    func faults(script: String, word: String) async throws {
        let pool = try await CatalogWorld.pool()
        try await run(pool, script)
        let error = await #expect(throws: SaaSTables.Fault.self) { try await install(pool) }
        #expect(error?.description.contains(word) == true, "\(String(describing: error))")
    }

    @Test("kinds may be an enum, ids varchar or integer, and the tables in another schema of the path")
    func otherShapes() async throws {
        for (id, value) in [("varchar(64)", "'j'"), ("integer", "7")] {
            let pool = try await CatalogWorld.pool(
                after: """
                    drop table artifacts, usage_logs, jobs cascade;
                    create schema saas;
                    create type saas.artifact_kind as enum ('transcript', 'json');
                    create table saas.jobs (id \(id) primary key, user_id text, type text, input_ref text);
                    create table saas.artifacts (id uuid, job_id \(id), kind saas.artifact_kind, storage_ref text);
                    insert into saas.jobs values (\(value), 'u', 'stream', null);
                    do $$ begin
                        execute format('alter database %I set search_path = saas, public', current_database());
                    end $$;
                    """)
            _ = try await install(pool)
            let catalog = try await PostgresCatalog(pool: pool, lookups: pool)
            let world = CatalogWorld(ids: .text, pool: pool, catalog: catalog)
            let job = try #require(JobID(value.replacing("'", with: "")))
            let user = try #require(UserID("u"))
            _ = try await world.put(job, user)
            _ = try await world.put(job, user, .named("transcript"))
            #expect(try await catalog.objects(of: job)?.objects.count == 2)
            #expect(try await world.value("select id::text from saas.artifacts") != nil)
        }
    }
}
