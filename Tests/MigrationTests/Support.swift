import CustodeTesting
import Foundation
import Testing

extension Tag {
    /// Takes more than five seconds by its nature.
    @Tag static var slow: Self
}

/// A folder with files from before.
struct LegacyFolder: Sendable {
    let path: String

    init() throws { path = try TestFolder().path }

    /// What `--from` says.
    var source: String { "dir:\(path)" }

    /// Puts a file there.
    func add(_ name: String, _ bytes: [UInt8]) throws {
        let file = path + "/" + name
        let folder = String(file[..<(file.lastIndex(of: "/") ?? file.endIndex)])
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        guard FileManager.default.createFile(atPath: file, contents: Data(bytes)) else {
            throw HarnessError("cannot write \(file)")
        }
    }

    /// What is there, by its path below.
    func bytes(_ name: String) -> [UInt8]? { FileManager.default.contents(atPath: path + "/" + name).map(Array.init) }
}

/// A line of a report.
struct ReportLine: Decodable, Hashable {
    let source: String
    let decision: String
    let job: String?
    let object: String?
    var key: String?
    var detail: String?
}

/// What a migration said, and its report.
struct Migration {
    let outcome: CollectionOutcome
    let lines: [ReportLine]

    /// The decision of a file, if it has one line.
    subscript(_ source: String) -> String? {
        let found = lines.filter { $0.source.utf8.elementsEqual(source.utf8) }
        return found.count == 1 ? found[0].decision : nil
    }

    /// A count by its name.
    subscript(count name: String) -> Int { outcome[name] }
}

extension World {
    /// Runs `custode migrate` with `--json` and a report of its own.
    func migrate(_ verb: String, from source: String, _ more: String..., settings: [String: String] = [:]) async throws
        -> Migration
    {
        let folder = try TestFolder()
        defer { folder.remove() }
        let report = folder.path + "/report.jsonl"
        let outcome = try await collect(
            ["migrate", verb, "--from", source, "--report", report] + more, settings: settings)
        return Migration(outcome: outcome, lines: try Self.lines(report))
    }

    /// Reads a report.
    static func lines(_ path: String) throws -> [ReportLine] {
        let text = FileManager.default.contents(atPath: path) ?? Data()
        return try text.split(separator: 0x0A).map { try JSONDecoder().decode(ReportLine.self, from: $0) }
    }

    /// A job that refers to a file from before as its input.
    func legacyJob(
        _ reference: String, _ kind: TestJob.Kind = .transcription, for user: String? = nil
    ) async throws -> TestJob {
        let job = try await newJob(kind, for: user)
        try await database.sql(
            "update jobs set input_ref = \(TestDatabase.quote(reference)) where id = \(TestDatabase.quote(job.id))")
        return job
    }

    /// Two jobs, alice's and bob's, each of which a run of its own gave the same file, by a manifest; with the runs' names.
    func sharingByTwoRuns(_ legacy: LegacyFolder) async throws -> (jobs: [TestJob], runs: [String]) {
        try legacy.add("a.wav", Sample.wav())
        let jobs = [try await newJob(), try await newJob(for: bob)]
        var runs: [String] = []
        for (number, job) in jobs.enumerated() {
            try legacy.add("m\(number).csv", Array("a.wav,\(job.id),input\n".utf8))
            let apply = try await migrate("apply", from: "manifest:\(legacy.path)/m\(number).csv")
            #expect(apply[count: "copied"] == 1, "\(apply.outcome)")
            runs.append(apply.outcome.runID)
        }
        return (jobs, runs)
    }

    /// Adds an artifact that refers to a file from before.
    func legacyArtifact(_ kind: String, _ reference: String, of job: TestJob) async throws {
        try await database.sql(
            """
            insert into artifacts (id, job_id, kind, storage_ref) values (gen_random_uuid(),
                \(TestDatabase.quote(job.id)), \(TestDatabase.quote(kind)), \(TestDatabase.quote(reference)))
            """)
    }
}

/// A valid WAV of so many bytes in all.
func sound(_ count: Int, seed: UInt32 = 1) -> [UInt8] {
    Sample.wavHeader(samples: (count - 44) / 2) + Sample.noise(count - 44, seed: seed)
}

extension World {
    /// Expects an object to be what was migrated, to be served so, and to be named so if that matters.
    func expectObject(
        _ object: String, of job: TestJob, _ bytes: [UInt8], name: String?,
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let reply = try await get(object, of: job)
        #expect(reply.status == 200, "\(reply.summary)", sourceLocation: sourceLocation)
        let difference = Sample.firstDifference(reply.body, bytes)
        #expect(difference == nil, sourceLocation: sourceLocation)
        let key = try #require(try await reference(object, of: job), sourceLocation: sourceLocation)
        let folder = object == "input" ? "input/" : "output/"
        #expect(key.hasPrefix(World.key(user: job.user, job: job.id, folder)), sourceLocation: sourceLocation)
        guard let name else { return }
        let recorded = try await database.value(
            "select filename from custode.objects where key = \(TestDatabase.quote(key))")
        #expect(recorded == name, sourceLocation: sourceLocation)
    }
}

extension Sequence {
    /// One after another.
    func asyncMap<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
        var values: [T] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}

extension World {
    /// The settings of worlds whose collection knows every reference from before, and waits for nothing.
    static let thorough = World.swift.merging([
        "CUSTODE_POLICY_COLLECTION_LEGACY_REFERENCES": "[.]",
        "CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "1s", "CUSTODE_POLICY_COLLECTION_LEADER_LEASE": "2s",
    ]) { $1 }

    /// Collects until whatever may go is gone for good.
    func collectAll() async throws {
        for now in ["+1d", "+3d", "+5d", "+20d", "+40d", "+60d"] { try await sweep("--now", now) }
    }
}
