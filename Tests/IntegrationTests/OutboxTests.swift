import CustodeTesting
import Foundation
import Testing

@Suite(
    "The outbox: every reference that goes is told, once",
    .serialized,
    // Comes with collection; until the schema has the table there is nothing to hold against the paper.
    .enabled("the schema has no outbox yet") {
        let database = try await World.shared().database
        return try await database.value("select to_regclass('custode.outbox')") != nil
    })
struct OutboxTests {
    private func events(_ world: World, _ key: String) async throws -> Int {
        let count = try await world.database.value(
            "select count(*) from custode.outbox where key = \(TestDatabase.quote(key))")
        return Int(count ?? "") ?? -1
    }

    private func key(_ object: String, of job: TestJob, in world: World) async throws -> String {
        try #require(try await world.reference(object, of: job))
    }

    @Test("a replaced object's old key")
    func replaced() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let first = try await world.store("transcript", of: job, Sample.text(1))
        let (old, etag) = (try await key("transcript", of: job, in: world), try #require(first["etag"].string))
        let reply = try await world.put("transcript", of: job, Sample.text(2), headers: ["If-Match": etag])
        #expect(reply.status == 200)
        #expect(try await events(world, old) == 1)
        #expect(try await events(world, try await key("transcript", of: job, in: world)) == 0)
    }

    @Test("a deleted object's key", arguments: ["input", "transcript"])
    func deleted(object: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        _ = try await world.store(object, of: job, object == "input" ? Sample.wav() : Sample.text())
        let old = try await key(object, of: job, in: world)
        #expect(try await world.send("DELETE", job.path(object)).status == 204)
        #expect(try await events(world, old) == 1)
    }

    @Test("every key of a job whose row is deleted")
    func jobDeleted() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        _ = try await world.store("transcript", of: job, Sample.text())
        let keys = [try await key("input", of: job, in: world), try await key("transcript", of: job, in: world)]
        try await world.deleteJob(job)
        for key in keys { #expect(try await events(world, key) == 1) }
    }

    @Test("a rolled-back deletion leaves no event, and TRUNCATE is refused")
    func rolledBack() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        let old = try await key("input", of: job, in: world)
        try await world.database.sql("begin; delete from jobs where id = '\(job.id)'; rollback")
        #expect(try await events(world, old) == 0)
        for table in ["jobs", "artifacts"] {
            await #expect(throws: HarnessError.self) { try await world.database.sql("truncate \(table) cascade") }
        }
        #expect(try await world.get("input", of: job).status == 200)
    }
}
