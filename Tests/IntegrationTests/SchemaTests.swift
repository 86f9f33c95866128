import CustodeTesting
import Foundation
import Testing

@Suite("The schema: install, status, uninstall, and ids of every type", .serialized)
struct SchemaTests {
    private static let tables = """
        select string_agg(table_name, ' ' order by table_name) from information_schema.tables
        where table_schema = 'custode'
        """

    @Test("installing twice, one after the other, changes nothing the second time")
    func twice() async throws {
        let world = try await World.prepare()
        for _ in 0..<2 {
            let outcome = try await world.service.run("schema", "install")
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        let tables = try await world.database.value(Self.tables) ?? ""
        for table in ["objects", "upload_intents", "link_epochs", "storage_identity"] {
            #expect(tables.split(separator: " ").contains(Substring(table)), "\(tables)")
        }
        let status = try await world.service.run("schema", "status")
        #expect(status.status == 0 && !status.output.isEmpty, "\(status.errors)")
    }

    @Test("four processes installing at once all succeed")
    func atOnce() async throws {
        let world = try await World.prepare(ids: .bigint)
        let statuses = try await withThrowingTaskGroup(of: Int32.self) { group in
            for _ in 0..<4 { group.addTask { try await world.service.run("schema", "install").status } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses == [0, 0, 0, 0])
    }

    @Test("uninstalling takes away what was installed and nothing of the SaaS's")
    func uninstall() async throws {
        let world = try await World.start()
        let job = try await world.jobWithInput()
        let key = try await world.reference("input", of: job)
        try await world.close()
        let outcome = try await world.service.run("schema", "uninstall")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            try await world.database.value("select count(*) from pg_namespace where nspname = 'custode'")
                == "0")
        let triggers = try await world.database.value(
            "select count(*) from pg_trigger where not tgisinternal and tgrelid in ('jobs'::regclass, 'artifacts'::regclass)"
        )
        #expect(triggers == "0")
        #expect(try await world.reference("input", of: job) == key)
        try await world.deleteJob(job)
        #expect(try await world.service.run("schema", "install").status == 0)
    }

    @Test("the SaaS's columns are the same before and after")
    func columns() async throws {
        let world = try await World.prepare()
        let query = """
            select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
            where table_schema = 'public' order by 1, 2
            """
        let before = try await world.database.sql(query)
        #expect(try await world.service.run("schema", "install").status == 0)
        #expect(try await world.database.sql(query) == before)
    }

    @Test(
        "upload, own, link, download, delete: the whole way with ids of each type", arguments: IDKind.allCases
    )
    func wholeWay(ids: IDKind) async throws {
        let world =
            switch ids {
            case .uuid: try await World.shared()
            case .text: try await World.sharedWithTextIDs()
            case .bigint: try await World.start(ids: .bigint)
            }
        let job = try await world.newJob()
        let input = try await world.store("input", of: job, Sample.wav(), type: "audio/wav")
        let transcript = try await world.send(
            "PUT", job.path("transcript"), as: .worker(job.user), body: .bytes(Sample.text()))
        #expect(transcript.status == 201, "\(transcript.summary)")
        #expect(input["job_id"].string == job.id)
        #expect(input["key"].string == World.key(user: job.user, job: job.id, "input/original.wav"))
        #expect(try await world.get("objects", of: job).json["objects"].array.count == 2)
        expectProblem(try await world.send("GET", job.path("input"), as: .bob), 404)
        let target = try await world.link("transcript", of: job)
        let reply = try await world.send("GET", target, as: .stranger)
        #expect(reply.status == 200 && reply.body == Sample.text(), "\(reply.summary)")
        #expect(try await world.send("DELETE", job.path("links")).status == 204)
        #expect(try await world.send("GET", target, as: .stranger).status == 404)
        let etag = try #require(transcript.header("ETag"))
        let replaced = try await world.put("transcript", of: job, Sample.text(2), headers: ["If-Match": etag])
        #expect(replaced.status == 200, "\(replaced.summary)")
        #expect(try await world.send("DELETE", job.path("input")).status == 204)
        for id in [
            "0", "99999", "nonsense", "9223372036854775808", "%20" + job.id, job.id + "%20", "+" + job.id,
        ] {
            let other = try await world.send("GET", "/v1/jobs/\(id)/transcript")
            #expect(other.status == 404, "\(id): \(other.summary)")
        }
        if ids == .bigint { try await world.close() }
    }
}
