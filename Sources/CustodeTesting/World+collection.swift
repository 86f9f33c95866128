import Foundation
import Glibc

/// What a verb of collection said and how it ended.
public struct CollectionOutcome: Sendable, CustomStringConvertible {
    /// The exit status.
    public let status: Int32
    /// The one JSON object on standard output, `.null` if there was none.
    public let json: JSON
    /// All of standard error.
    public let errors: String

    init(_ outcome: Command.Outcome) {
        status = outcome.status
        json = (try? JSON(Array(outcome.output.utf8))) ?? .null
        errors = outcome.errors
    }

    /// The run's name.
    public var runID: String { json["run_id"].string ?? "no run" }
    /// How the run ended.
    public var verdict: String? { json["verdict"].string }
    /// The brake that held.
    public var brake: String? { json["brake"].string }
    /// The name of what the run would have done.
    public var planHash: String? { json["plan_hash"].string }

    /// A count by its name in the JSON, −1 if it is not there.
    public subscript(_ count: String) -> Int { json[count].int ?? -1 }

    /// All that is known, for a failure's message.
    public var description: String { "exit \(status): \(json)\n\(errors)" }
}

extension World {
    /// The settings of most worlds of collection: too small for the brake that looks at the share of what lives.
    public static let collecting = ["CUSTODE_POLICY_COLLECTION_BRAKES_LIVE_PERCENT": "0"]

    /// Runs a verb with `--json`, and with more settings for this once.
    public func collect(_ verb: [String], settings: [String: String] = [:]) async throws -> CollectionOutcome {
        CollectionOutcome(try await service.run(verb + ["--json"], settings: settings))
    }

    /// Runs `custode gc --json`, whatever comes of it.
    public func gc(_ arguments: String..., settings: [String: String] = [:]) async throws -> CollectionOutcome {
        try await collect(["gc"] + arguments, settings: settings)
    }

    /// Runs `custode gc --json`, which must end well.
    @discardableResult
    public func sweep(_ arguments: String..., settings: [String: String] = [:]) async throws -> CollectionOutcome {
        let outcome = try await collect(["gc"] + arguments, settings: settings)
        guard outcome.status == 0 else { throw HarnessError("gc \(arguments): \(outcome)") }
        return outcome
    }

    /// Puts a file into the bucket behind the service's back, written this long ago.
    public func plant(_ key: String, _ bytes: [UInt8] = Sample.text(), age: Duration = .seconds(3 * 86_400)) throws {
        let path = bucket + "/" + key
        let folder = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw HarnessError.system("open \(path)", errno) }
        defer { Glibc.close(descriptor) }
        guard write(descriptor, bytes, bytes.count) == bytes.count else {
            throw HarnessError.system("write \(path)", errno)
        }
        try setAge(age, of: key)
    }

    /// Makes an object of the bucket this old, which changes its ETag as well.
    public func setAge(_ age: Duration, of key: String) throws {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        // Set by the second, so that the same age twice is not the same time by chance.
        now.tv_sec -= Int(age.components.seconds)
        guard utimensat(AT_FDCWD, bucket + "/" + key, [now, now], AT_SYMLINK_NOFOLLOW) == 0 else {
            throw HarnessError.system("utimensat \(key)", errno)
        }
    }

    /// Deletes jobs with their artifacts unseen by any trigger, makes their objects this old and returns their keys.
    @discardableResult
    public func orphan(_ jobs: TestJob..., age: Duration = .seconds(3 * 86_400)) async throws -> [String] {
        let ids = jobs.map { TestDatabase.quote($0.id) }.joined(separator: ", ")
        let keys = try await database.sql("select key from custode.objects where job_id in (\(ids)) order by key")
            .compactMap { $0.first ?? nil }
        try await unseen("delete from artifacts where job_id in (\(ids)); delete from jobs where id in (\(ids))")
        for key in keys { try setAge(age, of: key) }
        return keys
    }

    /// Runs SQL that no trigger sees, as a restored backup or a careless hand would change rows.
    public func unseen(_ statements: String) async throws {
        try await database.sql("set session_replication_role = replica; \(statements)")
    }

    /// A job of alice's with a transcript, which is then deleted unseen: the key of an orphan that Custode wrote.
    public func makeOrphan(
        _ bytes: [UInt8] = Sample.text(), age: Duration = .seconds(3 * 86_400)
    ) async throws -> String {
        let job = try await newJob()
        _ = try await store("transcript", of: job, bytes)
        guard let key = try await orphan(job, age: age).first else { throw HarnessError("no orphan was made") }
        return key
    }

    /// What lies in quarantine: the paths `.trash/<day>/<run>/<key>` in the bucket by key, oldest day first.
    public func trash() -> [String: [String]] {
        var places: [String: [String]] = [:]
        for path in TestFolder.files(below: bucket + "/.trash").keys.sorted() {
            let parts = path.split(separator: "/", maxSplits: 2)
            let key = parts.count == 3 ? String(parts[2]) : path
            places[key, default: []].append(".trash/" + path)
        }
        return places
    }

    /// Whether an object is in its place, in quarantine, both or neither.
    public func whereabouts(_ key: String) -> Whereabouts {
        var info = stat()
        let isPlaced = lstat(bucket + "/" + key, &info) == 0
        return switch (isPlaced, trash()[key] != nil) {
        case (true, false): .place
        case (false, true): .trash
        case (true, true): .both
        case (false, false): .nowhere
        }
    }

    /// Where an object can be.
    public enum Whereabouts: Sendable {
        case place, trash, both, nowhere
    }

    /// What the audit tells of, oldest first: action, key and reason.
    public func audit() async throws -> [(action: String, key: String, reason: String)] {
        try await database.sql("select action, key, reason from custode.gc_audit order by id").map {
            ($0[0] ?? "", $0[1] ?? "", $0[2] ?? "")
        }
    }
}
