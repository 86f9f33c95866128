import CustodeCore
import CustodeTesting
import PostgresClient
import Testing

@testable import PostgresCatalog

@Suite("an upload and a restoration of one key", .serialized)
struct RestoreClaimTests {
    private static let claim = Duration.seconds(60)

    /// A catalog, collection's view of the same database, a job, and places in quarantine of its input.
    private struct Stage {
        let world: CatalogWorld
        let collection: PostgresCollection
        let job: JobID
        let user: UserID
        let key: ObjectKey
        let place: TrashPlace

        init(_ ids: IDKind = .uuid) async throws {
            let database = try await PrivatePostgres.shared().createSaaSDatabase(ids: ids)
            let configuration = PostgresConfiguration(uri: database.uri)
            let pool = PostgresPool(configuration)
            _ = try await pool.withConnection { try await SchemaInstaller($0).install() }
            world = CatalogWorld(ids: ids, pool: pool, catalog: try await PostgresCatalog(pool: pool, lookups: pool))
            collection = try await PostgresCollection(pool: pool, direct: configuration)
            (job, user) = try await world.job()
            key = try world.keys(job, user).plain
            place = TrashPlace(of: key, run: "20261125T030000Z-k3x9qa", on: Timestamp(seconds: 1_795_000_000))
        }

        func begin(_ place: TrashPlace? = nil, run: String = "r") async throws -> RestoreVerdict {
            try #require(
                try await collection.beginRestore([place ?? self.place], run: run, for: RestoreClaimTests.claim).first)
        }

        func end(isBack: Bool) async throws {
            try await collection.endRestore([RestoreEnding(place: place, isBack: isBack)])
        }

        /// Has the key known to lie in quarantine.
        func quarantine() async throws {
            let facts = BlobFacts(etag: "e", size: 1, modified: Timestamp(seconds: 0))
            let condemned = Condemned(facts: facts, reason: "test", place: place)
            let verdict = try await collection.condemn([condemned], run: "q", fence: nil, for: RestoreClaimTests.claim)
            #expect(verdict.first?.verdict == .dead)
            try await collection.settle([Ending(place: place, outcome: .quarantined)], at: Timestamp(seconds: 0))
        }

        var items: [String?] {
            get async throws { try await world.column("select state from custode.gc_items order by id") }
        }
        var audited: [String?] {
            get async throws {
                try await world.column("select action from custode.gc_audit where action = 'restore' order by id")
            }
        }
    }

    @Test(
        "a key that is being restored is chosen by no upload, known to lie in quarantine or not",
        arguments: [true, false])
    func restoring(isKnown: Bool) async throws {
        let stage = try await Stage()
        if isKnown { try await stage.quarantine() }
        #expect(try await stage.begin() == .claimed)
        #expect(try await stage.items == ["restoring"])
        let intent = try await stage.world.begin(stage.job, stage.user)
        #expect(intent.key != stage.key && intent.key.suffix != nil)
        try await stage.collection.renewClaims([stage.place], run: "r", fence: nil, for: Self.claim)
        try await stage.end(isBack: true)
        #expect(try await stage.items == [])
    }

    @Test("a key that an upload is about to write to is not restored, and nothing is claimed or told of")
    func uploading() async throws {
        for isKnown in [true, false] {
            let stage = try await Stage(isKnown ? .bigint : .text)
            let intent = try await stage.world.begin(stage.job, stage.user)
            #expect(intent.key == stage.key)
            if isKnown {
                // As no rule lets it come to be; should it be so all the same, nothing is overwritten.
                try await stage.world.column("delete from custode.upload_intents")
                try await stage.quarantine()
                try await stage.world.column(
                    "insert into custode.upload_intents (key, job_id, lease_until)"
                        + " values ($1, $2, clock_timestamp() + interval '1 h')",
                    [.text(stage.key.text), .text(stage.job.text)])
            }
            #expect(try await stage.begin() == .intent)
            #expect(try await stage.items == (isKnown ? ["quarantined"] : []))
            #expect(try await stage.audited == [])
            try await stage.world.column("delete from custode.upload_intents")
            #expect(try await stage.begin() == .claimed)
            #expect(try await stage.audited == ["restore"])
        }
    }

    @Test("an upload that overslept its lease is not waited for, and can publish no more")
    func overslept() async throws {
        let stage = try await Stage()
        let intent = try await stage.world.begin(stage.job, stage.user, lease: .zero)
        #expect(try await stage.begin() == .claimed)
        #expect(try await stage.world.publish(intent) == .intentLost)
    }

    @Test("a published object whose bytes lie in quarantine comes back: a reference is no reason against it")
    func published() async throws {
        let stage = try await Stage()
        let record = try await stage.world.put(stage.job, stage.user)
        #expect(record.key == stage.key.text)
        #expect(try await stage.begin() == .claimed)
        try await stage.end(isBack: true)
        guard case .published(let found)? = try await stage.world.catalog.find(stage.job, .input)?.reference else {
            Issue.record("it is published no more")
            return
        }
        #expect(found.sha256 == record.sha256)
    }

    @Test("what one restoration has claimed, or another writing of it, is no other's, until the claim lapses")
    func twice() async throws {
        let stage = try await Stage()
        let other = TrashPlace(of: stage.key, run: "another", on: Timestamp(seconds: 1_795_000_000))
        #expect(try await stage.begin() == .claimed)
        #expect(try await stage.begin(run: "s") == .busy)
        #expect(try await stage.begin(other, run: "s") == .busy)
        try await stage.world.column("update custode.gc_items set claimed_until = clock_timestamp()")
        #expect(try await stage.begin(other, run: "s") == .claimed)
        await #expect(throws: CatalogError.superseded) {
            try await stage.collection.renewClaims([stage.place], run: "r", fence: nil, for: Self.claim)
        }
        #expect(try await stage.audited == ["restore", "restore"])
    }

    @Test(
        "what did not come back lies in quarantine as before; what nobody knew of is forgotten again",
        arguments: [true, false])
    func notBack(isKnown: Bool) async throws {
        let stage = try await Stage()
        if isKnown { try await stage.quarantine() }
        #expect(try await stage.begin() == .claimed)
        try await stage.end(isBack: false)
        #expect(try await stage.items == (isKnown ? ["quarantined"] : []))
    }

    @Test("what a restoration left claimed and never ended goes with the purge")
    func leftBehind() async throws {
        let stage = try await Stage()
        #expect(try await stage.begin() == .claimed)
        #expect(try await stage.collection.condemnTrash([stage.place], run: "p", fence: nil) == [false])
        try await stage.world.column("update custode.gc_items set claimed_until = clock_timestamp()")
        #expect(try await stage.collection.condemnTrash([stage.place], run: "p", fence: nil) == [true])
        try await stage.collection.forgetTrash([stage.place])
        #expect(try await stage.items == [])
    }

    /// Does something while another's transaction is not over, which that must wait for.
    private func meanwhile<T: Sendable>(
        _ stage: Stage, _ statement: String, _ parameters: [PostgresValue],
        _ work: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await withThrowingTaskGroup(of: T.self) { group in
            try await stage.world.pool.withConnection { connection in
                try await connection.withTransaction { connection in
                    _ = try await connection.query(PostgresStatement(name: nil, statement), parameters)
                    group.addTask { try await work() }
                    let waits = try await eventually {
                        try await stage.world.value(
                            "select count(*)::text from pg_locks where not granted and database ="
                                + " (select oid from pg_database where datname = current_database())") == "1"
                    }
                    #expect(waits)
                }
            }
            return try #require(try await group.next())
        }
    }

    @Test("an upload that is just choosing its key is waited for, and then seen")
    func uploadFirst() async throws {
        let stage = try await Stage()
        let keys = try stage.world.keys(stage.job, stage.user)
        let verdict = try await meanwhile(
            stage, "select custode.begin_upload($1, $2, $3, '1 h')",
            [.text(stage.job.text), .text(keys.plain.text), .text(keys.suffixed.text)]
        ) { try await stage.begin() }
        #expect(verdict == .intent)
    }

    @Test("a restoration that is just claiming its key is waited for, and then seen")
    func restorationFirst() async throws {
        let stage = try await Stage()
        let intent = try await meanwhile(
            stage, "select custode.begin_restore('r', '1 min', $1, $2, $3)",
            [.textArray([stage.key.text]), .textArray([stage.job.text]), .textArray([stage.place.text])]
        ) { try await stage.world.begin(stage.job, stage.user) }
        #expect(intent.key != stage.key)
    }

    @Test("begun at the same moment, one of them has the key and the other has not")
    func race() async throws {
        let stage = try await Stage()
        for _ in 0..<60 {
            let (job, user) = try await stage.world.job(of: stage.user)
            let key = try stage.world.keys(job, user).plain
            let place = TrashPlace(of: key, run: "race", on: Timestamp(seconds: 1_795_000_000))
            async let verdict = stage.begin(place)
            async let intent = stage.world.begin(job, user)
            let (isRestored, isUploaded) = (try await verdict == .claimed, try await intent.key == key)
            #expect(isRestored != isUploaded)
        }
    }
}
