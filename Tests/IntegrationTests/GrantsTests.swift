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
}
