import CustodeTesting
import Foundation
import Testing

@Suite("Deletion: DELETE /v1/jobs/{job}/{object}", .serialized)
struct DeleteTests {
    @Test(
        "204: the reference is gone at once, the bytes wait for the collector",
        arguments: ["input", "transcript"])
    func deleted(object: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let bytes = object == "input" ? Sample.wav() : Sample.text()
        let stored = try await world.store(object, of: job, bytes)
        let key = try #require(stored["key"].string)
        let reply = try await world.send("DELETE", job.path(object))
        #expect(reply.status == 204 && reply.body.isEmpty, "\(reply.summary)")
        #expect(try await world.reference(object, of: job) == nil)
        expectProblem(try await world.get(object, of: job), 404)
        #expect(try await world.get("objects", of: job).json == ["objects": []])
        #expect(world.stored(key) == bytes)
    }

    @Test("an artifact's row goes, the job's stays")
    func rows() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        _ = try await world.store("transcript", of: job, Sample.text())
        #expect(try await world.send("DELETE", job.path("transcript")).status == 204)
        let id = TestDatabase.quote(job.id)
        #expect(try await world.database.value("select count(*) from artifacts where job_id = \(id)") == "0")
        #expect(try await world.database.value("select count(*) from jobs where id = \(id)") == "1")
    }

    @Test("an absent object is 404, also the second time")
    func absent() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        expectProblem(try await world.send("DELETE", job.path("input")), 404)
        _ = try await world.store("input", of: job, Sample.wav())
        #expect(try await world.send("DELETE", job.path("input")).status == 204)
        expectProblem(try await world.send("DELETE", job.path("input")), 404)
    }

    @Test("what was deleted can be uploaded anew: 201 under a name with a suffix")
    func again() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        _ = try await world.store("transcript", of: job, Sample.text(1))
        #expect(try await world.send("DELETE", job.path("transcript")).status == 204)
        let object = try await world.store("transcript", of: job, Sample.text(2))
        let file = object["key"].string?.split(separator: "/").last.map(String.init) ?? ""
        #expect(file.wholeMatch(of: /transcript\.[a-z2-7]{6}\.txt/) != nil, "\(file)")
        #expect(try await world.get("transcript", of: job).body == Sample.text(2))
    }

    @Test("deleting one object leaves the others")
    func others() async throws {
        let world = try await World.shared()
        let job = try await world.jobWithInput()
        _ = try await world.store("transcript", of: job, Sample.text())
        #expect(try await world.send("DELETE", job.path("input")).status == 204)
        #expect(try await world.get("transcript", of: job).status == 200)
    }

    @Test("a job's deletion in the database ends its objects at once")
    func jobDeleted() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let keys = [
            try await world.store("input", of: job, Sample.wav())["key"].string,
            try await world.store("transcript", of: job, Sample.text())["key"].string,
        ].compactMap { $0 }
        try await world.deleteJob(job)
        for object in ["input", "transcript", "objects"] {
            expectProblem(try await world.get(object, of: job), 404)
        }
        for key in keys { #expect(world.stored(key) != nil) }
    }
}
