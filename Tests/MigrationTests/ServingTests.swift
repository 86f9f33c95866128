import CustodeTesting
import Testing

@Suite("References from before, before and after the move")
struct ServingTests {
    @Test(
        "GET answers throughout: from the old key while the row refers to it, from the new one after",
        arguments: BucketKind.allCases)
    func throughout(kind: BucketKind) async throws {
        let world = try await kind.world()
        let bytes = Sample.wav()
        try await world.add("old/uploads/a.wav", bytes)
        let job = try await world.legacyJob("old/uploads/a.wav")
        let before = try await world.get("input", of: job)
        #expect(before.status == 200 && before.body == bytes, "\(before.summary)")
        #expect(before.header("Content-Type") == "audio/wav" || before.header("Content-Type") == "audio/x-wav")
        #expect(before.header("Content-Disposition")?.contains("a.wav") == true)
        let tag = try #require(before.header("ETag"))
        let part = try await world.get("input", of: job, headers: ["Range": "bytes=10-19", "If-Range": tag])
        #expect(part.status == 206 && part.body == Array(bytes[10...19]), "\(part.summary)")
        #expect(try await world.get("input", of: job, headers: ["If-None-Match": tag]).status == 304)
        let head = try await world.send("HEAD", job.path("input"))
        #expect(head.status == 200 && head.header("Content-Length") == String(bytes.count), "\(head.summary)")
        let link = try await world.link("input", of: job)
        #expect(try await world.service.client.request("GET", link).body == bytes)
        // Nobody else's.
        #expect(try await world.send("GET", job.path("input"), as: .user(world.bob)).status == 404)

        let apply = try await world.migrate("apply", from: "prefix:old/")
        #expect(apply.outcome.status == 0 && apply[count: "copied"] == 1, "\(apply.outcome)")
        let key = try #require(try await world.reference("input", of: job))
        #expect(key == World.key(user: world.alice, job: job.id, "input/original.wav"))
        let after = try await world.get("input", of: job)
        #expect(after.status == 200 && after.body == bytes && after.header("ETag") != tag, "\(after.summary)")
        #expect(after.header("Content-Disposition")?.contains("a.wav") == true)
        #expect(try await world.service.client.request("GET", link).body == bytes, "an old link leads there as well")
    }

    @Test("what a row refers to and is not in the bucket is 503, not 404")
    func elsewhere() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.legacyJob("/srv/files/a.wav")
        let reply = try await world.get("input", of: job)
        #expect(reply.status == 503, "\(reply.summary)")
    }

    @Test("a reference leads to no other job's object, to no quarantine, and to nothing above the bucket")
    func confined() async throws {
        let world = try await BucketKind.directory.shared()
        let theirs = try await world.newJob(for: world.bob)
        let stored = try await world.store("transcript", of: theirs, Sample.text())
        let key = try #require(stored["key"].string)
        try world.plant(".trash/2026-11-26/x/old.wav", Sample.wav())
        let evil = [
            key, ".trash/2026-11-26/x/old.wav", ".custode/identity.json", "../" + "etc/hostname", "/etc/hostname",
            "a//b",
            "./" + key, "users/../" + key, key + "/", "", "users", "\u{1}", String(repeating: "x/", count: 3_000),
        ]
        for reference in evil where !reference.isEmpty {
            let job = try await world.legacyJob(reference)
            let reply = try await world.get("input", of: job)
            #expect(reply.status == 503, "\(reference.prefix(60)): \(reply.summary)")
        }
    }

    @Test("what the policy would not take is served as bytes without a type, to be saved")
    func untyped() async throws {
        let world = try await BucketKind.directory.shared()
        let page = Array("<!doctype html><script>alert(1)</script>".utf8)
        try world.plant("old/page.wav", page)
        let job = try await world.legacyJob("old/page.wav")
        let link = try await world.link("input", of: job, ["disposition": "inline"])
        for reply in [
            try await world.get("input", of: job), try await world.service.client.request("GET", link),
        ] {
            #expect(reply.status == 200 && reply.body == page)
            #expect(reply.header("Content-Type") == "application/octet-stream", "\(reply.summary)")
            #expect(reply.header("Content-Disposition")?.hasPrefix("attachment") == true)
        }
    }
}
