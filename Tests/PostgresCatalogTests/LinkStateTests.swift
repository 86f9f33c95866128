import CustodeCore
import CustodeTesting
import PostgresCatalog
import PostgresClient
import Testing

@Suite("what the catalog knows of links and references", .serialized)
struct LinkStateTests {
    private let later = Timestamp(seconds: 4_000_000_000)

    @Test("a link that works once does so exactly once, 100 times at once")
    func burn() async throws {
        let world = try await CatalogWorld(.uuid)
        let nonce: [UInt8] = [1, 2, 3, 4, 5, 6]
        let uses = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 { group.addTask { try await world.catalog.burn(nonce, expires: later) } }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(uses == 1)
        #expect(try await !world.catalog.burn(nonce, expires: later))
        #expect(try await world.catalog.burn([1, 2, 3, 4, 5, 7], expires: later))
    }

    @Test("uses of links long past are forgotten, and of no others")
    func expiredUses() async throws {
        let world = try await CatalogWorld(.uuid)
        let now = Int64(try await world.number("select extract(epoch from now())::bigint::text"))
        #expect(try await world.catalog.burn([1], expires: Timestamp(seconds: now - 3_700)))
        #expect(try await world.catalog.burn([2], expires: Timestamp(seconds: now - 60)))
        #expect(try await world.catalog.burn([3], expires: Timestamp(seconds: now + 60)))
        #expect(try await world.column("select nonce from custode.link_uses order by nonce") == ["02", "03"])
    }

    @Test("revoking ends every link minted so far: the job's epoch rises, and no other's", arguments: IDKind.allCases)
    func revoke(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let (other, _) = try await world.job(of: user)
        for epoch in UInt32(1)...3 {
            try await world.catalog.revokeLinks(of: job)
            #expect(try await world.catalog.find(job, .input)?.linkEpoch == epoch)
            #expect(try await world.catalog.find([(job: job, object: .input)]).first??.linkEpoch == epoch)
        }
        #expect(try await world.catalog.find(other, .input)?.linkEpoch == 0)
    }

    @Test("revocations at the same time all count")
    func concurrentRevocations() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, _) = try await world.job()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<20 { group.addTask { try await world.catalog.revokeLinks(of: job) } }
            try await group.waitForAll()
        }
        #expect(try await world.catalog.find(job, .input)?.linkEpoch == 20)
    }

    @Test("whether a link was used is known without using it")
    func isBurnt() async throws {
        let world = try await CatalogWorld(.uuid)
        #expect(try await !world.catalog.isBurnt([1, 2]))
        #expect(try await !world.catalog.isBurnt([1, 2]))
        #expect(try await world.catalog.burn([1, 2], expires: later))
        #expect(try await world.catalog.isBurnt([1, 2]))
        #expect(try await !world.catalog.isBurnt([1, 3]))
    }

    private func link(_ job: JobID) -> LinkClaims {
        LinkClaims(
            operation: .upload, expires: 4_000_000_000, job: job, object: .input, epoch: 0, owner: 0,
            nonce: [9, 8, 7, 6, 5, 4], once: true)
    }

    @Test("a link that works once is used up by the publication, and by nothing that fails", arguments: IDKind.allCases)
    func onceByPublication(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let link = link(job)
        let lost = try await world.begin(job, user)
        #expect(try await world.publish(lost, expecting: .present, link: link) == .changed)
        #expect(try await !world.catalog.isBurnt(link.nonce))
        let first = try await world.begin(job, user, suffix: "aaaaaa")
        #expect(try await world.publish(first, link: link).isPublished)
        #expect(try await world.catalog.isBurnt(link.nonce))
        _ = try await world.catalog.forget(job, of: user, .input, .present)
        let second = try await world.begin(job, user, suffix: "bbbbbb")
        #expect(try await world.publish(second, link: link) == .linkUsed)
        #expect(try await world.catalog.find(job, .input)?.reference == nil)
        #expect(try await world.intents("abandoned").contains(second.key.text))
    }

    @Test("of publications by one link at once exactly one happens, though they are of different objects")
    func onceAtOnce() async throws {
        let world = try await CatalogWorld(.bigint)
        let (job, user) = try await world.job()
        let link = link(job)
        let outcomes = try await withThrowingTaskGroup(of: PublishOutcome.self) { group in
            for kind in ["transcript", "translation", "srt", "json"] {
                let intent = try await world.begin(job, user, .named(kind))
                group.addTask { try await world.publish(intent, link: link) }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count { $0.isPublished } == 1 && outcomes.count { $0 == .linkUsed } == 3)
    }

    @Test("forgetting ends the reference: input_ref becomes NULL, an artifact's rows go", arguments: IDKind.allCases)
    func forget(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let transcript = try ObjectName.named("transcript")
        #expect(try await world.catalog.forget(job, of: user, .input, .present) == .gone)
        #expect(try await world.catalog.forget(job, of: user, transcript, .present) == .gone)
        _ = try await world.put(job, user)
        let text = try await world.put(job, user, transcript)
        _ = try await world.put(job, user, .named("srt"))
        #expect(try await world.catalog.forget(job, of: user, .input, .present) == .forgotten)
        #expect(try await world.catalog.forget(job, of: user, transcript, .matches(text.etag)) == .forgotten)
        #expect(try await world.catalog.forget(job, of: user, transcript, .present) == .gone)
        #expect(try await world.value("select input_ref from jobs") == nil)
        #expect(try await world.column("select kind::text from artifacts") == ["srt"])
        #expect(try await world.catalog.find(job, .input)?.reference == nil)
        #expect(try await world.catalog.find(job, .named("srt"))?.reference != nil)
    }

    @Test("another object than the one that was meant, or another user's, is not forgotten", arguments: IDKind.allCases)
    func notForgotten(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let stranger = try await world.user()
        for object in [ObjectName.input, try .named("json")] {
            let record = try await world.put(job, user, object)
            let other = Publication.Expectation.matches(ETag(recorded: "\"other\""))
            #expect(try await world.catalog.forget(job, of: user, object, other) == .changed)
            #expect(try await world.catalog.forget(job, of: stranger, object, .present) == .gone)
            #expect(try await world.catalog.find(job, object)?.reference == .published(record))
        }
    }

    @Test("a foreign reference can be forgotten as well, though no tag names it")
    func forgetForeign() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, user) = try await world.job()
        try await world.column("update jobs set input_ref = 'old.wav'")
        let tag = Publication.Expectation.matches(ETag(recorded: "\"x\""))
        #expect(try await world.catalog.forget(job, of: user, .input, tag) == .changed)
        #expect(try await world.catalog.forget(job, of: user, .input, .present) == .forgotten)
    }
}
