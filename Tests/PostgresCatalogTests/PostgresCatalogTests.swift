import CustodeCore
import CustodeTesting
import PostgresCatalog
import PostgresClient
import Testing

@Suite("the catalog in Postgres", .serialized)
struct PostgresCatalogTests {
    @Test("a job is found with its owner and type; one that does not exist is not", arguments: IDKind.allCases)
    func find(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job(type: "translation")
        let found = try #require(try await world.catalog.find(job, .input))
        #expect(found == JobObject(job: job, owner: user, type: JobType("translation"), linkEpoch: 0, reference: nil))
        let missing = ["uuid": "0198c0de-0000-7000-8000-00000000abcd", "bigint": "999999", "text": "nobody's"][
            ids.rawValue]
        #expect(try await world.catalog.find(#require(missing.flatMap { JobID($0) }), .input) == nil)
    }

    @Test(
        "an id of the wrong form is simply not found",
        arguments: [
            "x", " ", "0", "-1", "042", "+1", "1 ", " 1", "1.0", "1e3", "99999999999999999999", "0x1", "null", "%",
            "{0198c0de-0000-7000-8000-00000000abcd}", "0198c0de00007000800000000000abcd",
            "0198c0de-0000-7000-8000-00000000abc",
            "0198c0de-0000-7000-8000-00000000abcg", "0198c0de-0000-7000-8000-00000000abcd ", "é",
            "'; drop table jobs; --",
            "\u{661}", "\n", "{}", "{a,b}", "a\"b", "\\",
        ])
    func malformedIDs(text: String) async throws {
        for ids in IDKind.allCases {
            let world = try await MalformedWorld.shared(ids)
            let id = try #require(JobID(text))
            #expect(try await world.catalog.find(id, .input) == nil)
            #expect(try await world.catalog.objects(of: id) == nil)
            #expect(try await world.catalog.find([(job: id, object: .input)]) == [nil])
        }
    }

    @Test("a uuid is found in upper case too, and told in the column's spelling")
    func upperCase() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, _) = try await world.job()
        let upper = try #require(JobID(job.text.uppercased()))
        #expect(try await world.catalog.find(upper, .input)?.job == job)
    }

    @Test("two jobs whose ids Unicode takes for the same are two jobs")
    func unicodeIDs() async throws {
        let world = try await CatalogWorld(.text)
        let user = try await world.user()
        for id in ["\u{E9}", "e\u{301}"] {
            try await world.column(
                "insert into jobs (id, user_id, type) values ($1, $2, 'stream')", [.text(id), .text(user.text)])
        }
        let composed = try #require(JobID("\u{E9}"))
        let decomposed = try #require(JobID("e\u{301}"))
        _ = try await world.put(composed, user)
        #expect(try await world.catalog.find(composed, .input)?.reference != nil)
        let other = try #require(try await world.catalog.find(decomposed, .input))
        #expect(other.reference == nil && other.job == decomposed)
    }

    @Test("a published input is what the job refers to, and its intent is closed", arguments: IDKind.allCases)
    func publishInput(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let intent = try await world.begin(job, user)
        #expect(try await world.intents("open") == [intent.key.text])
        guard case .published(let createdAt) = try await world.publish(intent, 7) else {
            Issue.record("not published")
            return
        }
        let sent = try world.record(intent, 7)
        let expected = ObjectRecord(
            job: sent.job, object: sent.object, key: sent.key, contentType: sent.contentType, size: sent.size,
            sha256: sent.sha256, etag: sent.etag, filename: sent.filename, createdAt: createdAt)
        #expect(try await world.catalog.find(job, .input)?.reference == .published(expected))
        #expect(createdAt > Timestamp(seconds: 1_700_000_000))
        #expect(try await world.value("select input_ref from jobs") == intent.key.text)
        #expect(try await world.value("select count(*)::text from custode.upload_intents") == "0")
    }

    @Test("artifacts are rows of their own, whether their ids have a default or not", arguments: IDKind.allCases)
    func publishArtifacts(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let kinds = ["transcript", "translation", "srt", "json"]
        for (number, kind) in kinds.enumerated() {
            let record = try await world.put(job, user, .named(kind), UInt8(number))
            #expect(record.object.text == kind)
        }
        #expect(try await world.value("select count(distinct id)::text from artifacts where id is not null") == "4")
        #expect(try await world.catalog.find(job, .input)?.reference == nil)
        let listed = try #require(try await world.catalog.objects(of: job))
        #expect(listed.owner == user && listed.objects.map(\.object.text) == kinds.sorted())
    }

    @Test("a replacement switches the reference in the one row there is", arguments: IDKind.allCases)
    func replace(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        for object in [ObjectName.input, try .named("transcript")] {
            let old = try await world.put(job, user, object, 1)
            let new = try await world.put(job, user, object, 2, expecting: .matches(old.etag), suffix: "aaaaaa")
            #expect(new.key != old.key && new.etag != old.etag)
            let newer = try await world.put(job, user, object, 3, expecting: .present, suffix: "bbbbbb")
            #expect(newer.key != new.key)
            let remembered = try await world.value(
                "select count(*)::text from custode.objects where object = $1", [.text(object.text)])
            #expect(remembered == "3", "old keys stay known")
        }
        #expect(try await world.value("select count(*)::text from artifacts") == "1")
    }

    @Test(
        "an object that is there already is not written over; the late bytes are collection's",
        arguments: IDKind.allCases)
    func exists(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        for object in [ObjectName.input, try .named("srt")] {
            let first = try await world.put(job, user, object, 1)
            let late = try await world.begin(job, user, object, suffix: "aaaaaa")
            #expect(try await world.publish(late, 2) == .exists)
            #expect(try await world.catalog.find(job, object)?.reference == .published(first))
            #expect(try await world.intents("abandoned").contains(late.key.text))
            #expect(try await world.intents("open") == [])
        }
    }

    @Test(
        "an object that is gone or another is not replaced; the late bytes are collection's", arguments: IDKind.allCases
    )
    func changed(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        for object in [ObjectName.input, try .named("json")] {
            let intent = try await world.begin(job, user, object)
            #expect(try await world.publish(intent, 1, expecting: .present) == .changed)
            #expect(try await world.catalog.find(job, object)?.reference == nil)
            let first = try await world.put(job, user, object, 1, suffix: "aaaaaa")
            let late = try await world.begin(job, user, object, suffix: "bbbbbb")
            let other = ETag(recorded: "\"other\"")
            #expect(try await world.publish(late, 2, expecting: .matches(other)) == .changed)
            #expect(try await world.catalog.find(job, object)?.reference == .published(first))
            let abandoned = try await world.intents("abandoned")
            #expect(abandoned.contains(intent.key.text) && abandoned.contains(late.key.text))
        }
    }

    @Test("a job that is gone, or went to another user, gets no reference", arguments: IDKind.allCases)
    func gone(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let intent = try await world.begin(job, user)
        let stranger = try await world.user()
        #expect(try await world.publish(intent, as: stranger) == .jobGone)
        #expect(try await world.intents("open") == [intent.key.text], "the bytes are still remembered")
        try await world.column("delete from jobs")
        #expect(try await world.publish(intent) == .jobGone)
        #expect(try await world.intents("open") == [intent.key.text])
        #expect(try await world.value("select count(*)::text from custode.objects") == "0")
    }

    @Test("an intent that collection took over, or that is another's, publishes nothing", arguments: IDKind.allCases)
    func lost(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let abandoned = try await world.begin(job, user)
        try await world.catalog.abandon(abandoned)
        #expect(try await world.publish(abandoned) == .intentLost)
        let cancelled = try await world.begin(job, user, suffix: "aaaaaa")
        try await world.catalog.cancel(cancelled)
        #expect(try await world.publish(cancelled) == .intentLost)
        let moved = try await world.begin(job, user, suffix: "bbbbbb")
        _ = try await world.catalog.move(moved, to: world.keys(job, user, suffix: "cccccc").suffixed)
        #expect(try await world.publish(moved) == .intentLost, "it covers another key now")
        #expect(try await world.catalog.find(job, .input)?.reference == nil)
    }

    @Test("a reference that nothing here published is foreign, and is not written over", arguments: IDKind.allCases)
    func foreign(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        try await world.column("update jobs set input_ref = 'uploads/old.wav'")
        #expect(try await world.catalog.find(job, .input)?.reference == .foreign("uploads/old.wav"))
        let intent = try await world.begin(job, user)
        #expect(try await world.publish(intent) == .exists)
        #expect(try await world.value("select input_ref from jobs") == "uploads/old.wav")
        #expect(try await world.catalog.objects(of: job)?.objects == [])
    }

    @Test("of several rows of one kind the newest publication counts", arguments: IDKind.allCases)
    func newestArtifact(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let transcript = try ObjectName.named("transcript")
        let old = try await world.put(job, user, transcript, 1)
        let new = try await world.put(job, user, transcript, 2, expecting: .matches(old.etag), suffix: "aaaaaa")
        let id =
            ids == .text ? "(id, job_id, kind, storage_ref) values ('zzz', " : "(job_id, kind, storage_ref) values ("
        // A row that the SaaS itself adds later, for what was published first.
        try await world.column(
            "insert into artifacts \(id)$1::\(ids.rawValue), 'transcript', $2)", [.text(job.text), .text(old.key)])
        #expect(try await world.catalog.find(job, transcript)?.reference == .published(new))
        #expect(try await world.catalog.objects(of: job)?.objects == [new])
        let newer = try await world.put(job, user, transcript, 3, expecting: .matches(new.etag), suffix: "bbbbbb")
        #expect(try await world.catalog.find(job, transcript)?.reference == .published(newer))
        #expect(try await world.value("select count(*)::text from artifacts") == "2")
    }

    @Test("an artifact's row that has no reference yet is filled in, not doubled", arguments: IDKind.allCases)
    func emptyArtifactRow(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let id = ids == .text ? "(id, job_id, kind) values ('a', " : "(job_id, kind) values ("
        try await world.column("insert into artifacts \(id)$1::\(ids.rawValue), 'srt')", [.text(job.text)])
        #expect(try await world.catalog.find(job, .named("srt"))?.reference == nil)
        _ = try await world.put(job, user, .named("srt"))
        #expect(try await world.value("select count(*)::text from artifacts") == "1")
    }

    @Test(
        "of publications at the same time exactly one wins, and the job refers to its bytes", arguments: IDKind.allCases
    )
    func race(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        for object in [ObjectName.input, try .named("transcript")] {
            let (job, user) = try await world.job()
            var intents: [UploadIntent] = []
            for letter in "abcdefgh" {
                intents.append(try await world.begin(job, user, object, suffix: "aaaaa\(letter)"))
            }
            let outcomes = try await withThrowingTaskGroup(of: (UInt8, PublishOutcome).self) { group in
                for (number, intent) in intents.enumerated() {
                    group.addTask { (UInt8(number), try await world.publish(intent, UInt8(number))) }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let winners = outcomes.filter { $0.1.isPublished }
            #expect(winners.count == 1 && outcomes.count { $0.1 == .exists } == 7)
            let winner = try #require(winners.first?.0)
            guard case .published(let record)? = try await world.catalog.find(job, object)?.reference else {
                Issue.record("no reference")
                return
            }
            #expect(record.key == intents[Int(winner)].key.text && record.sha256.bytes.first == winner)
        }
        #expect(try await world.value("select count(*)::text from artifacts") == "1")
    }

    @Test("two versions of an object never share a second, so that a date tells them apart", arguments: IDKind.allCases)
    func versionsBySecond(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        for object in [ObjectName.input, try .named("srt")] {
            var last = try await world.put(job, user, object, 0)
            for (content, suffix) in zip(UInt8(1)..., ["aaaaaa", "bbbbbb", "cccccc"]) {
                let next = try await world.put(job, user, object, content, expecting: .present, suffix: suffix)
                #expect(next.createdAt.seconds > last.createdAt.seconds)
                last = next
            }
        }
    }

    @Test("a job that is nobody's, or of no type, is not reached and disturbs no look-up of others")
    func oddJobs() async throws {
        let pool = try await CatalogWorld.pool(
            after: "alter table jobs alter user_id drop not null; alter table jobs alter type drop not null")
        _ = try await pool.withConnection { try await SchemaInstaller($0).install() }
        let world = CatalogWorld(ids: .uuid, pool: pool, catalog: try await PostgresCatalog(pool: pool, lookups: pool))
        let (job, user) = try await world.job()
        let nobodys = try #require(
            try await world.value("insert into jobs (type) values ('stream') returning id::text"))
        let typeless = try #require(
            try await world.value("insert into jobs (user_id) values ($1::uuid) returning id::text", [.text(user.text)])
        )
        let found = try await world.catalog.find(
            [nobodys, typeless, job.text].compactMap { JobID($0) }.map { (job: $0, object: .input) })
        #expect(found[0] == nil && found[1]?.owner == user && found[2]?.job == job)
        #expect(try await world.catalog.objects(of: #require(JobID(nobodys))) == nil)
    }

    @Test("a row that the SaaS holds on to delays a publication for a while, and look-ups not at all")
    func heldRow() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, user) = try await world.job()
        let intent = try await world.begin(job, user)
        try await world.pool.withTransaction { connection in
            _ = try await connection.query("select from jobs for update")
            let error = await #expect(throws: CatalogError.self) { try await world.publish(intent) }
            guard case .unavailable? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(try await world.catalog.find(job, .input)?.job == job)
        }
        #expect(try await world.publish(intent).isPublished, "the intent is still there")
    }

    @Test("a kind that the database does not take is an error, not a reference")
    func unknownKind() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, user) = try await world.job()
        let intent = try await world.begin(job, user, .named("poem"))
        let error = await #expect(throws: CatalogError.self) { try await world.publish(intent) }
        guard case .failed? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try await world.intents("open") == [intent.key.text])
    }

    @Test("many are found at once, in the order of the questions", arguments: IDKind.allCases)
    func findMany(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (first, user) = try await world.job()
        let (second, _) = try await world.job(of: user)
        let record = try await world.put(second, user)
        let nobody = try #require(JobID("nobody"))
        let found = try await world.catalog.find([
            (job: second, object: .input), (job: nobody, object: .input), (job: first, object: .input),
            (job: second, object: try .named("srt")), (job: second, object: .input),
        ])
        #expect(found.map { $0?.job } == [second, nil, first, second, second])
        #expect(found.map { $0?.reference } == [.published(record), nil, nil, nil, .published(record)])
        #expect(try await world.catalog.find([]).isEmpty)
        let thousand = try await world.catalog.find(
            (0..<1_000).map { (job: $0 % 2 == 0 ? first : second, object: .input) })
        #expect(
            thousand.count == 1_000 && thousand.enumerated().allSatisfy { $1?.job == ($0 % 2 == 0 ? first : second) })
    }

    @Test("many who look up at the same time all get their own answer", arguments: IDKind.allCases)
    func findConcurrently(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        var jobs: [JobID] = []
        for _ in 0..<10 { jobs.append(try await world.job().job) }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<300 {
                let job = jobs[number % jobs.count]
                group.addTask { try await world.catalog.find(job, .input)?.job == job }
            }
            for try await isRight in group { #expect(isRight) }
        }
    }

    @Test("a job without objects is listed as empty, one that does not exist is not", arguments: IDKind.allCases)
    func listing(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let empty = try #require(try await world.catalog.objects(of: job))
        #expect(empty.owner == user && empty.objects.isEmpty)
        _ = try await world.put(job, user, .named("transcript"), 1)
        let input = try await world.put(job, user)
        let listed = try #require(try await world.catalog.objects(of: job))
        #expect(listed.objects.map(\.object.text) == ["input", "transcript"] && listed.objects.first == input)
    }

    @Test("the catalog answers while its database does, and says when it does not")
    func away() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, _) = try await world.job()
        try await world.catalog.probe()
        await world.pool.close()
        for call in [
            { _ = try await world.catalog.find(job, .input) }, { try await world.catalog.probe() },
            { _ = try await world.catalog.objects(of: job) },
            { _ = try await world.catalog.burn([1], expires: Timestamp(seconds: 1)) },
        ] as [() async throws -> Void] {
            let error = await #expect(throws: CatalogError.self) { try await call() }
            guard case .unavailable? = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
        }
    }
}

/// One world per type of id, for tests that only read.
private enum MalformedWorld {
    private static let worlds: [IDKind: Once<CatalogWorld>] = Dictionary(
        uniqueKeysWithValues: IDKind.allCases.map { ids in
            (
                ids,
                Once {
                    let world = try await CatalogWorld(ids)
                    _ = try await world.job()
                    return world
                }
            )
        })

    static func shared(_ ids: IDKind) async throws -> CatalogWorld { try await #require(worlds[ids]).value() }
}
