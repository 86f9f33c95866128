extension World {
    /// The settings of worlds whose sweep may take all of what it saw once, however little lives.
    public static let swift = World.collecting.merging([
        "CUSTODE_POLICY_COLLECTION_RUNS_APART": "0s", "CUSTODE_POLICY_COLLECTION_GRACE": "0s",
        "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s", "CUSTODE_POLICY_COLLECTION_BRAKES_PERCENT": "100",
        "CUSTODE_POLICY_COLLECTION_BRAKES_USERS": "1000",
    ]) { $1 }

    /// A job with an object, and the object's key.
    public func jobWith(_ object: String, _ bytes: [UInt8]? = nil) async throws -> (job: TestJob, key: String) {
        let job = try await newJob()
        let bytes = bytes ?? (object == "input" ? Sample.wav() : Sample.text())
        let stored = try await store(object, of: job, bytes)
        guard let key = stored["key"].string else { throw HarnessError("no key: \(stored)") }
        return (job, key)
    }

    /// A job with a transcript that is then deleted unseen: the key of an orphan that the service wrote.
    public func abandoned(_ bytes: [UInt8] = Sample.text()) async throws -> String {
        let (job, key) = try await jobWith("transcript", bytes)
        let id = TestDatabase.quote(job.id)
        try await unseen("delete from artifacts where job_id = \(id); delete from jobs where id = \(id)")
        return key
    }
}
