import CustodeTesting
import Foundation
import Testing

@Suite("policies/bucket/supabase.sql, in a database with the tables and roles of a project")
struct BucketPolicyTests {
    /// What of a project's database the policy is about, with a careless policy of the project's own.
    ///
    /// Roles are of the whole cluster: two tests that make them at once meet in its index, where the second waits and then collides.
    private static let project = """
        do $$ begin
            create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;
        exception when duplicate_object or unique_violation then null; end $$;
        create schema storage;
        create table storage.buckets (id text primary key, name text not null, public boolean default false);
        create table storage.objects (id uuid primary key default gen_random_uuid(), bucket_id text, name text);
        create table storage.s3_multipart_uploads (id text primary key, bucket_id text not null);
        alter table storage.buckets enable row level security;
        alter table storage.objects enable row level security;
        alter table storage.s3_multipart_uploads enable row level security;
        create policy careless on storage.objects for all to public using (true) with check (true);
        create policy careless on storage.buckets for all to public using (true) with check (true);
        create policy careless on storage.s3_multipart_uploads for all to public using (true) with check (true);
        grant usage on schema storage to anon, authenticated, service_role;
        grant all on all tables in schema storage to anon, authenticated, service_role;
        insert into storage.buckets values ('recordings', 'recordings', true), ('avatars', 'avatars', true);
        insert into storage.objects (bucket_id, name) values ('recordings', 'users/a/x.wav'), ('avatars', 'a.png');
        insert into storage.s3_multipart_uploads values ('1', 'recordings'), ('2', 'avatars');
        """

    private func apply(_ database: TestDatabase) async throws {
        let policy = try String(contentsOfFile: Checkout.root + "/policies/bucket/supabase.sql", encoding: .utf8)
        try await database.sql(policy.replacing("BUCKET", with: "recordings"))
    }

    @Test("users of the project reach nothing of the bucket, whatever other policies say; the service role does")
    func closed() async throws {
        let database = try await PrivatePostgres.shared().createDatabase()
        try await database.sql(Self.project)
        let seen = "select count(*) from storage.objects where bucket_id = 'recordings'"
        #expect(try await database.value("set role authenticated; \(seen)") == "1", "the policy has something to close")
        // Safe to repeat.
        for _ in 0..<2 { try await apply(database) }
        for role in ["anon", "authenticated"] {
            #expect(try await database.value("set role \(role); \(seen)") == "0")
            #expect(try await database.value("set role \(role); select count(*) from storage.objects") == "1")
            #expect(
                try await database.value("set role \(role); select count(*) from storage.s3_multipart_uploads") == "1")
            for statement in [
                "insert into storage.objects (bucket_id, name) values ('recordings', 'x')",
                "update storage.objects set bucket_id = 'recordings'",
                "insert into storage.buckets values ('recordings2', 'r'), ('recordings', 'r')",
            ] {
                await #expect(throws: (any Error).self, "\(role): \(statement)") {
                    try await database.sql("set role \(role); \(statement)")
                }
            }
            try await database.sql("set role \(role); delete from storage.objects where bucket_id = 'recordings'")
            try await database.sql("set role \(role); update storage.buckets set public = true where id = 'recordings'")
        }
        #expect(try await database.value("set role service_role; \(seen)") == "1")
        #expect(try await database.value("select public::text from storage.buckets where id = 'recordings'") == "false")
        #expect(try await database.value("select public::text from storage.buckets where id = 'avatars'") == "true")
    }

    @Test("where row-level security is off, which makes policies idle, it says so and changes nothing")
    func idle() async throws {
        let database = try await PrivatePostgres.shared().createDatabase()
        try await database.sql(Self.project + "alter table storage.objects disable row level security;")
        await #expect(throws: (any Error).self) { try await apply(database) }
        #expect(try await database.value("select count(*) from pg_policies where policyname like 'custode%'") == "0")
    }
}
