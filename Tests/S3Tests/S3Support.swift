import CustodeTesting
import Foundation
import Testing

extension Tag {
    /// Takes more than five seconds by its nature.
    @Tag static var slow: Self
}

extension Duration {
    static func hours(_ hours: Int) -> Duration { .seconds(hours * 3_600) }
}

/// Sounds of any size that cost no time to make.
enum Sound {
    /// A valid WAV of this many bytes after its head; different seeds give different sounds.
    static func wav(bytes: Int, seed: UInt32 = 1) -> [UInt8] {
        func little(_ value: Int) -> [UInt8] { [0, 8, 16, 24].map { UInt8(truncatingIfNeeded: value >> $0) } }
        let block = Sample.noise(65_536, seed: seed)
        var sound = Array(Sample.wav(samples: 0).prefix(44))
        sound.replaceSubrange(4..<8, with: little(36 + bytes))
        sound.replaceSubrange(40..<44, with: little(bytes))
        while sound.count < 44 + bytes { sound += block.prefix(44 + bytes - sound.count) }
        return sound
    }
}

extension World {
    /// A world of these settings that goes by way of a proxy.
    static func behindProxy(_ settings: [String: String] = World.collecting) async throws -> (
        world: World, proxy: FaultProxy
    ) {
        let proxy = try FaultProxy(to: try await PrivateRGW.shared().port)
        return (try await startOnS3(settings: settings, endpoint: proxy.url), proxy)
    }

    /// Gives new jobs of alice's an input each, rows and objects without the service; to be called before other jobs.
    @discardableResult
    func furnish(_ count: Int) async throws -> [String] {
        let jobs = try await newJobs(count)
        let keys = jobs.map { World.key(user: $0.user, job: $0.id, "input/original.wav") }
        try await objects.putAll(Dictionary(uniqueKeysWithValues: keys.map { ($0, Sample.text()) }))
        // A grammar's key is made of its ids, which spares a list too long for a command line.
        let path = "'users/' || user_id || '/jobs/' || id || '/input/original.wav'"
        try await unseen(
            "update jobs set input_ref = \(path) where input_ref is null and user_id::text = "
                + TestDatabase.quote(alice))
        return keys
    }

    /// Puts objects of jobs that do not exist into the bucket, and returns them with their bytes.
    func plantOrphans(_ count: Int, of user: String? = nil) async throws -> [String: [UInt8]] {
        var orphans: [String: [UInt8]] = [:]
        for number in 0..<count {
            let job = UUID().uuidString.lowercased()
            orphans[World.key(user: user ?? alice, job: job, "output/transcript.txt")] = Sample.text(number)
        }
        try await objects.putAll(orphans)
        return orphans
    }

    /// The paths in quarantine by key.
    func quarantine() async throws -> [String: [String]] {
        var places: [String: [String]] = [:]
        for path in try await objects.keys(".trash/") {
            let parts = path.split(separator: "/", maxSplits: 3)
            places[parts.count == 4 ? String(parts[3]) : path, default: []].append(path)
        }
        return places
    }

    /// What lies outside quarantine and the service's own folder.
    func placed() async throws -> [String] {
        try await objects.keys().filter { !$0.hasPrefix(".trash/") && !$0.hasPrefix(".custode/") }
    }

    /// Whether an object is in its place, in quarantine, both or neither.
    func place(of key: String) async throws -> Whereabouts {
        switch (try await objects.keys(key).contains(key), try await quarantine()[key] != nil) {
        case (true, false): .place
        case (false, true): .trash
        case (true, true): .both
        case (false, false): .nowhere
        }
    }

    /// Deals with what the outbox tells of, as if this time had passed, and expects that nothing stops it.
    @discardableResult
    func drain(after time: String) async throws -> CollectionOutcome {
        let outcome = try await gc("--outbox-only", "--now", "+" + time)
        #expect(outcome.status == 0 && outcome.verdict == "done", "\(outcome)")
        return outcome
    }

    /// Sets a job's input, which triggers see.
    func refer(_ job: TestJob, to key: String) async throws {
        try await database.sql(
            "update jobs set input_ref = \(TestDatabase.quote(key)) where id = \(TestDatabase.quote(job.id))")
    }

    /// Everything that a run may change: all keys of the bucket, and the rows but for the run's own.
    func standing() async throws -> [String: [String]] {
        let tables = [
            "jobs", "artifacts", "custode.objects", "custode.outbox", "custode.upload_intents", "custode.gc_items",
            "custode.gc_audit",
        ]
        var all = ["bucket": try await objects.keys()]
        for table in tables {
            all[table] = try await database.sql("select t::text from \(table) t order by 1").compactMap { $0[0] }
        }
        return all
    }
}

extension FaultProxy {
    /// The requests so far that ask for a change.
    var changes: [String] {
        requestLines.filter { line in ["PUT ", "POST ", "DELETE "].contains { line.hasPrefix($0) } }
    }

    /// Has every multipart upload look as if it had begun two hours ago, from now on.
    func ageUploads(hours: Double = 2) {
        let begun = Date().addingTimeInterval(-3_600 * hours).formatted(.iso8601)
        rewrite(
            matching: "uploads=",
            by: ResponseRewrite { body in
                body.components(separatedBy: "<Initiated>").enumerated().map { number, part in
                    guard number > 0, let end = part.firstIndex(of: "<") else { return part }
                    return begun + part[end...]
                }.joined(separator: "<Initiated>")
            }, times: .max)
    }
}

/// Expects what a run says of itself that a brake held.
func expectBlocked(
    _ outcome: CollectionOutcome, by brake: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(outcome.status == 3, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.verdict == "blocked" && outcome.brake == brake, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome["quarantined"] == 0 && outcome["purged"] == 0, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.errors.contains("brake \(brake): "), "\(outcome)", sourceLocation: sourceLocation)
}
