import CustodeTesting
import Foundation
import Glibc
import Testing

extension World {
    /// Runs `custode restore --json`, whatever comes of it.
    func restore(_ arguments: String...) async throws -> CollectionOutcome {
        try await collect(["restore"] + arguments)
    }

    /// A transcript whose job was deleted and which the outbox's rule has quarantined, and the run that did it.
    func collected(_ bytes: [UInt8] = Sample.text()) async throws -> (key: String, run: String) {
        let (job, key) = try await jobWith("transcript", bytes)
        try await deleteJob(job)
        let run = try await drain(after: "15m").runID
        guard whereabouts(key) == .trash else { throw HarnessError("\(key) was not collected") }
        return (key, run)
    }

    /// Quarantines whatever is at a key that nothing refers to, by an event of the outbox.
    func collect(_ key: String, after time: String) async throws {
        let key = TestDatabase.quote(key)
        try await database.sql("insert into custode.outbox (key, job_id, reason) values (\(key), '', 'test')")
        try await drain(after: time)
    }

    /// Has a job of alice's refer to a key as its input.
    @discardableResult
    func refer(to key: String) async throws -> TestJob {
        let job = try await newJob()
        let id = TestDatabase.quote(job.id)
        try await database.sql("update jobs set input_ref = \(TestDatabase.quote(key)) where id = \(id)")
        return job
    }
}

@Suite("Restoring from quarantine: what comes back, where to, and what it is then", .serialized)
struct RestoreTests {
    private static let world = Once { try await World.start(settings: World.collecting) }

    @Test("a run comes back byte for byte, all of it and nothing else")
    func byRun() async throws {
        let world = try await Self.world.value()
        let other = try await world.collected(Sample.text(99))
        var contents: [String: [UInt8]] = [:]
        for (index, size) in [1, 4_096, 300_001].enumerated() {
            let job = try await world.newJob()
            for (object, bytes) in [
                ("input", Sample.wav(samples: size, seed: UInt32(index))), ("transcript", Sample.text(index)),
            ] {
                let key = try #require(try await world.store(object, of: job, bytes)["key"].string)
                contents[key] = bytes
            }
            try await world.deleteJob(job)
        }
        let run = try await world.drain(after: "15m")
        #expect(run["quarantined"] == contents.count, "\(run)")
        for key in contents.keys { world.expect(.trash, of: key) }

        let outcome = try await world.restore("--run", run.runID)
        #expect(outcome.status == 0 && outcome["restored"] == contents.count, "\(outcome)")
        #expect(outcome["failed"] == 0 && outcome["skipped"] == 0, "\(outcome)")
        #expect(outcome["bytes"] == contents.values.map(\.count).reduce(0, +), "\(outcome)")
        for (key, bytes) in contents {
            world.expect(.place, of: key)
            #expect(world.stored(key) == bytes, "\(key)")
        }
        world.expect(.trash, of: other.key)
        let audited = try await world.audit().filter { $0.action == "restore" && contents[$0.key] != nil }
        #expect(audited.count == contents.count)

        let again = try await world.restore("--run", run.runID)
        #expect(again.status == 1 && again["restored"] == 0, "\(again)")
        for (key, bytes) in contents { #expect(world.stored(key) == bytes) }
    }

    @Test("one key comes back, and the rest of its run stays")
    func byKey() async throws {
        let world = try await Self.world.value()
        let jobs = [try await world.jobWith("transcript", Sample.text(1)), try await world.jobWith("transcript")]
        for (job, _) in jobs { try await world.deleteJob(job) }
        try await world.drain(after: "15m")
        let outcome = try await world.restore("--key", jobs[0].key)
        #expect(outcome.status == 0 && outcome["restored"] == 1, "\(outcome)")
        #expect(world.stored(jobs[0].key) == Sample.text(1))
        world.expect(.place, of: jobs[0].key)
        world.expect(.trash, of: jobs[1].key)
    }

    @Test("of several writings of one key the one quarantined last comes back, known to the database or not")
    func newest() async throws {
        let world = try await Self.world.value()
        for isForgotten in [false, true] {
            let key = World.key(user: world.alice, job: UUID().uuidString.lowercased(), "output/transcript.txt")
            for (number, time) in [(1, "20m"), (2, "1d"), (3, "2d")] {
                try world.plant(key, Sample.text(number))
                try await world.collect(key, after: time)
            }
            #expect(world.trash()[key]?.count == 3)
            if isForgotten {
                try await world.database.sql("delete from custode.gc_items where key = \(TestDatabase.quote(key))")
            }
            for number in [3, 2, 1] {
                let outcome = try await world.restore("--key", key)
                #expect(outcome.status == 0 && outcome["restored"] == 1, "\(outcome)")
                #expect(world.stored(key) == Sample.text(number))
                try FileManager.default.removeItem(atPath: world.bucket + "/" + key)
            }
            #expect(try await world.restore("--key", key).status == 1)
        }
    }

    /// What may stand where an object was.
    enum Obstacle: String, CaseIterable, Sendable {
        case file, sameBytes, folder, danglingLink
    }

    @Test("nothing is ever overwritten: exit 1, and both stay", arguments: Obstacle.allCases, [true, false])
    func obstacle(obstacle: Obstacle, byRun: Bool) async throws {
        let world = try await Self.world.value()
        let (key, run) = try await world.collected()
        switch obstacle {
        case .file: try world.plant(key, Sample.text(2))
        case .sameBytes: try world.plant(key)
        case .folder: try world.plant(key + "/inner")
        case .danglingLink:
            try world.plant(key)
            try FileManager.default.removeItem(atPath: world.bucket + "/" + key)
            #expect(symlink("/nowhere", world.bucket + "/" + key) == 0)
        }
        let folder = key.split(separator: "/").prefix(4).joined(separator: "/")
        let before = Inventory(world.bucket) { $0.hasPrefix(folder) }
        let outcome =
            if byRun { try await world.restore("--run", run) } else { try await world.restore("--key", key) }
        #expect(outcome.status == 1 && outcome["restored"] == 0 && outcome["failed"] == 1, "\(outcome)")
        #expect(outcome.json["detail"].string?.contains(key) == true, "\(outcome)")
        #expect(Inventory(world.bucket) { $0.hasPrefix(folder) } == before)
        #expect(world.stored(try #require(world.trash()[key]?.first)) == Sample.text())

        try FileManager.default.removeItem(atPath: world.bucket + "/" + key)
        #expect(try await world.restore("--key", key).status == 0)
        #expect(world.stored(key) == Sample.text())
    }

    @Test("with the bytes comes what was known of them: a reference that is put back serves as before")
    func record() async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        let sound = Sample.wav()
        let stored = try await world.store(
            "input", of: job, sound, type: "audio/wav", headers: ["Custode-Filename": "sound.wav"])
        let key = try #require(stored["key"].string)
        let before = try await world.get("input", of: job)
        #expect(before.status == 200)
        let count = "select t::text from custode.objects t where key = \(TestDatabase.quote(key))"
        let row = try await world.database.value(count)
        #expect(row != nil)
        #expect(try await world.send("DELETE", job.path("input")).status == 204)
        try await world.drain(after: "15m")
        #expect(try await world.database.value(count) == nil)

        #expect(try await world.restore("--key", key).status == 0)
        #expect(try await world.database.value(count) == row)
        // Bytes come back, references do not.
        #expect(try await world.get("input", of: job).status == 404)
        try await world.database.sql(
            "update jobs set input_ref = \(TestDatabase.quote(key)) where id = \(TestDatabase.quote(job.id))")
        let after = try await world.get("input", of: job)
        #expect(after.status == 200 && after.body == sound, "\(after.summary)")
        for field in ["ETag", "Content-Type", "Content-Disposition", "Last-Modified", "Content-Length"] {
            #expect(after.header(field) == before.header(field), "\(field)")
        }
    }

    @Test("what there is nothing of is exit 1, what is no name of a run or no key is wrong usage")
    func usage() async throws {
        let world = try await Self.world.value()
        let before = Inventory(world.bucket)
        let key = World.key(user: "u", job: "j", "output/transcript.txt")
        for (arguments, status) in [
            (["--run", "20200101T000000Z-abcdef"], 1), (["--key", key], 1), ([], 2), (["--run", "x", "--key", key], 2),
            (["--run", "../../etc"], 2), (["--run", ""], 2), (["--key", "legacy/file.wav"], 1),
            (["--key", "users/../jobs/x/output/transcript.txt"], 2), (["--key", ".trash/" + key], 2),
        ] as [([String], Int32)] {
            let outcome = try await world.collect(["restore"] + arguments)
            #expect(outcome.status == status && !outcome.errors.isEmpty, "\(arguments): \(outcome)")
        }
        #expect(Inventory(world.bucket) == before)
    }
}
