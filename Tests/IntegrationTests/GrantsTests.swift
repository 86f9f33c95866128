import CustodeTesting
import Foundation
import Testing

@Suite("The role of the service in the database")
struct GrantsTests {
    @Test(
        "policies/database grants what serving takes and nothing more: api_keys stays unread",
        arguments: [IDKind.uuid, .bigint])
    func leastPrivilege(ids: IDKind) async throws {
        let world = try await World.start(ids: ids)
        let narrow = try await world.narrowURI()
        let service = try CustodeProcess(
            database: narrow, bucket: "file://" + world.bucket, keys: [world.bothKey])
        try await service.start()

        let job = try await world.newJob()
        let path = job.path("transcript")
        let caller: HeaderList = ["Authorization": "Bearer \(world.bothKey.text)", "Custode-User": job.user]
        let send = { (method: String, headers: HeaderList, text: String) in
            try await service.client.request(
                method, path, headers: caller + headers, body: text.isEmpty ? .none : .bytes(Array(text.utf8)))
        }
        let first = try await send("PUT", [:], "one")
        #expect(first.status == 201, "\(first.summary)")
        let etag = try #require(first.json["etag"].string)
        #expect(try await send("PUT", ["If-Match": etag], "two").status == 200)
        #expect(try await send("GET", [:], "").body == Array("two".utf8))
        #expect(try await send("DELETE", [:], "").status == 204)
        let input = try await service.client.request(
            "PUT", job.path("input"), headers: caller, body: .bytes(Sample.wav()))
        #expect(input.status == 201, "\(input.summary)")
        let revoked = try await service.client.request(
            "DELETE", "/v1/jobs/\(job.id)/links", headers: caller, body: .none)
        #expect(revoked.status == 204, "\(revoked.summary)")

        let psql = try #require(Checkout.tool("psql"))
        for forbidden in [
            "select * from api_keys", "select * from usage_logs", "update jobs set status = 'done'",
            "delete from jobs", "select * from users", "insert into jobs default values",
            "update jobs set user_id = user_id", "update artifacts set kind = 'x'", "truncate artifacts",
            "select * from pg_authid", "create table public.mine (a int)", "create schema mine",
            "drop table custode.objects", "alter table custode.objects disable trigger all",
            "copy (select 1) to program 'true'",
        ] {
            let outcome = try await Command.run(psql, ["-X", "-q", "-c", forbidden, narrow])
            let isRefused = outcome.errors.contains(/permission denied|must be/)
            #expect(isRefused, "\(forbidden): \(outcome.errors)")
        }
        // What it does beside requests is done with these grants as well.
        let told = "select coalesce(sum(bytes), 0) > 0 from custode.received_bytes"
        #expect(try await eventually { try await world.database.value(told) == "t" })
        #expect(!service.log.contains("permission denied"), "\(service.log.suffix(2_000))")
        #expect(try await service.terminate() == 0)
        try await world.close()
    }

    @Test("an upgrade leaves services that run with a role of their own at work; check finds what a role lacks")
    func upgrade() async throws {
        let world = try await World.start()
        let narrow = try await world.narrowURI()
        let run = { (verb: [String], uri: String) in
            try await world.service.run(verb, settings: ["CUSTODE_DATABASE_URL": uri])
        }
        #expect(try await run(["check"], narrow).output.contains("ok   grants"))
        // As it was before the last version.
        try await world.database.sql(
            """
            drop table custode.received_bytes;
            drop function custode.received_today(text);
            drop function custode.note_received(text[], bigint[]);
            update custode.schema_version set version = 5;
            """)
        #expect(try await world.service.run("schema", "install").status == 0)
        let psql = try #require(Checkout.tool("psql"))
        let asked = "select total from custode.note_received(array['u'], array[1::bigint])"
        let outcome = try await Command.run(psql, ["-X", "-q", "-A", "-t", "-c", asked, narrow])
        #expect(outcome.output == "1\n", "\(outcome)")
        try await world.database.sql("revoke insert on custode.received_bytes from public, \(try Self.role(narrow))")
        let checked = try await run(["check"], narrow)
        #expect(checked.status == 1)
        #expect(
            checked.output.contains("FAIL grants: the role may not use custode.received_bytes"), "\(checked.output)")
        try await world.close()
    }

    private static func role(_ uri: String) throws -> String {
        try #require(URLComponents(string: uri)?.user)
    }
}
