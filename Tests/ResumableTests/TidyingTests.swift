import CustodeTesting
import Testing

@Suite("Uploads that no client comes back for")
struct TidyingTests {
    @Test("those that fail again and again do not keep others from being finished")
    func turns() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms"])
        let job = try await world.newJob()
        _ = try await world.database.value(
            """
            insert into custode.uploads
                (id, user_id, dialect, job_id, job_type, object, expected, byte_limit, epoch, expires_at, state)
            select translate(lpad(n::text, 26, '0'), '0189', 'abcd'), 'nobody', 'tus', '\(job.id)', 'transcription',
                'input', 'absent', 1, 1, clock_timestamp() + interval '1 day', 'completing'
            from generate_series(1, 400) n
            """)
        let bytes = sound(5_000)
        let upload = try await world.begin(9_000, of: job)
        #expect(try await upload.patch(bytes, at: 0).status == 204)
        // As if the process had died before it could finish.
        _ = try await world.database.value("update custode.uploads set length = received where received > 0")
        let isThere = try await eventually { try await world.get("input", of: job).status == 200 }
        #expect(isThere)
        try await world.expect(of: job, is: bytes)
    }
}
