import Foundation

extension World {
    /// Adds a row of `users`.
    public func addUser(id: String) async throws {
        let id = TestDatabase.quote(id)
        try await database.sql("insert into users (id, email) values (\(id), md5(\(id)) || '@example.org')")
    }

    /// Adds a job of this kind, alice's unless said otherwise.
    public func newJob(_ kind: TestJob.Kind = .transcription, for user: String? = nil) async throws -> TestJob {
        guard let job = try await newJobs(1, kind, for: user).first else {
            throw HarnessError("no job was made")
        }
        return job
    }

    /// Adds this many jobs of one kind at once, alice's unless said otherwise.
    public func newJobs(
        _ count: Int, _ kind: TestJob.Kind = .transcription, for user: String? = nil
    ) async throws -> [TestJob] {
        let user = user ?? alice
        let (name, value) = ids == .text ? ("id, ", "'job-' || gen_random_uuid(), ") : ("", "")
        let rows = try await database.sql(
            """
            insert into jobs (\(name)user_id, type)
            select \(value)\(TestDatabase.quote(user)), '\(kind.rawValue)' from generate_series(1, \(count))
            returning id
            """)
        return rows.compactMap { $0.first ?? nil }.map { TestJob(id: $0, user: user, kind: kind) }
    }

    /// Deletes a job's row as the SaaS does.
    public func deleteJob(_ job: TestJob) async throws {
        try await database.sql("delete from jobs where id = \(TestDatabase.quote(job.id))")
    }

    /// The key that the SaaS's tables name for an object, or nil.
    public func reference(_ object: String, of job: TestJob) async throws -> String? {
        let id = TestDatabase.quote(job.id)
        if object == "input" {
            return try await database.value("select input_ref from jobs where id = \(id)")
        }
        return try await database.value(
            "select storage_ref from artifacts where job_id = \(id) and kind = \(TestDatabase.quote(object))")
    }

    /// Every reference of the SaaS's tables once, with the SHA-256 in hex of what was published under it.
    public func references() async throws -> [(key: String, sha256: String?)] {
        try await database.sql(
            """
            select r.key, o.sha256 from (
                select input_ref as key from jobs where input_ref is not null
                union select storage_ref from artifacts where storage_ref is not null) r
            left join custode.objects o using (key)
            """
        ).map { ($0[0] ?? "", $0[1]) }
    }

    /// The bytes the bucket holds under a key, or nil.
    public func stored(_ key: String) -> [UInt8]? {
        FileManager.default.contents(atPath: bucket + "/" + key).map(Array.init)
    }

    /// The key of a job's object of this file name, by the grammar, for ids that need the encoding and those that do not.
    public static func key(user: String, job: String, _ file: String) -> String {
        "users/\(encode(user))/jobs/\(encode(job))/\(file)"
    }

    /// An id as it stands in a key: bytes outside `[a-z0-9._-]` become `=hh`, and so do the dots of `.` and `..`.
    public static func encode(_ id: String) -> String {
        if id == "." || id == ".." { return id.replacing(".", with: "=2e") }
        let plain = Set("abcdefghijklmnopqrstuvwxyz0123456789._-".utf8)
        return id.utf8.map { byte in
            if plain.contains(byte) { return String(UnicodeScalar(byte)) }
            let digits = String(byte, radix: 16)
            return byte < 16 ? "=0" + digits : "=" + digits
        }.joined()
    }
}
