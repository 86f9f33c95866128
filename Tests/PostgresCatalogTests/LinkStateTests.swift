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

    @Test("forgetting ends the reference: input_ref becomes NULL, an artifact's rows go", arguments: IDKind.allCases)
    func forget(ids: IDKind) async throws {
        let world = try await CatalogWorld(ids)
        let (job, user) = try await world.job()
        let transcript = try ObjectName.named("transcript")
        #expect(try await !world.catalog.forget(job, .input))
        #expect(try await !world.catalog.forget(job, transcript))
        _ = try await world.put(job, user)
        _ = try await world.put(job, user, transcript)
        _ = try await world.put(job, user, .named("srt"))
        #expect(try await world.catalog.forget(job, .input))
        #expect(try await world.catalog.forget(job, transcript))
        #expect(try await !world.catalog.forget(job, transcript))
        #expect(try await world.value("select input_ref from jobs") == nil)
        #expect(try await world.column("select kind::text from artifacts") == ["srt"])
        #expect(try await world.catalog.find(job, .input)?.reference == nil)
        #expect(try await world.catalog.find(job, .named("srt"))?.reference != nil)
    }

    @Test("a foreign reference can be forgotten as well")
    func forgetForeign() async throws {
        let world = try await CatalogWorld(.uuid)
        let (job, _) = try await world.job()
        try await world.column("update jobs set input_ref = 'old.wav'")
        #expect(try await world.catalog.forget(job, .input))
    }
}
