import Synchronization
import Testing

@testable import CustodeCore

@Suite("opening an object for a reader")
struct ReadObjectTests {
    private static let bytes = [UInt8](0..<100)
    private static let record = Sample.record(bytes, key: "users/a/jobs/b/input/original.wav")

    private func bench(_ reference: JobObject.Reference? = .published(record)) throws -> UploadBench {
        let bench = try UploadBench(Sample.found(reference, epoch: 3))
        bench.store.state.withLock { $0.objects[Self.record.key] = Self.bytes }
        return bench
    }

    private func request(_ change: (inout ReadObject.Request) -> Void = { _ in }) -> ReadObject.Request {
        var request = ReadObject.Request()
        change(&request)
        return request
    }

    private func read(
        _ bench: UploadBench, _ request: ReadObject.Request = ReadObject.Request(),
        by principal: Principal = UploadBench.principal(), job: JobID = Sample.job
    ) async throws -> ReadObject.Reply {
        try await bench.read(principal, job, .input, request)
    }

    private func link(once: Bool) throws -> LinkClaims {
        var claims = try LinkClaimsTests.claims(job: Sample.job.text)
        claims.owner = Sample.user.fingerprint
        claims.once = once
        return claims
    }

    @Test("the whole object is opened before there is a reply")
    func whole() async throws {
        let bench = try bench()
        let reply = try await read(bench)
        #expect(reply.object == ReadableObject(Self.record) && reply.plan == .whole)
        #expect(reply.blob?.size == 100)
        #expect(bench.journal.steps == [.find, .open(Self.record.key)])
    }

    @Test("a range is planned for the size on record")
    func range() async throws {
        let reply = try await read(try bench(), request { $0.range = "bytes=90-200" })
        #expect(reply.plan == .part(ByteRange(first: 90, last: 99)))
    }

    @Test("a range of nothing is 416, and no bytes are opened")
    func badRange() async throws {
        let bench = try bench()
        await #expect(throws: Refusal.rangeNotSatisfiable(size: 100)) {
            try await read(bench, request { $0.range = "bytes=100-" })
        }
        #expect(bench.journal.steps == [.find])
    }

    @Test("HEAD ignores Range, and tells only what is there")
    func head() async throws {
        let bench = try bench()
        let reply = try await read(
            bench,
            request {
                $0.headOnly = true
                $0.range = "bytes=100-"
            })
        #expect(reply.plan == .whole && reply.blob == nil)
        bench.store.state.withLock { $0.objects = [:] }
        await #expect(throws: Refusal.bytesMissing) { try await read(bench, request { $0.headOnly = true }) }
    }

    @Test("a job that does not exist, one of somebody else and an absent object are the same 404")
    func notFound() async throws {
        await #expect(throws: Refusal.notFound) { try await read(try bench(), job: #require(JobID("nobody's"))) }
        await #expect(throws: Refusal.notFound) {
            try await read(try bench(), by: UploadBench.principal(user: Sample.otherUser))
        }
        await #expect(throws: Refusal.notFound) { try await read(try bench(nil)) }
    }

    @Test("either grant reads, none does not")
    func grants() async throws {
        for grant in Grant.allCases { _ = try await read(try bench(), by: UploadBench.principal([grant])) }
        let error = await #expect(throws: Refusal.self) { try await read(try bench(), by: UploadBench.principal([])) }
        guard case .forbidden? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("bytes gone under a row, or of another size, are said to be missing")
    func missing() async throws {
        let bench = try bench()
        bench.store.state.withLock { $0.objects[Self.record.key] = [1, 2, 3] }
        await #expect(throws: Refusal.bytesMissing) { try await read(bench) }
        bench.store.state.withLock { $0.objects = [:] }
        await #expect(throws: Refusal.bytesMissing) { try await read(bench) }
        await #expect(throws: Refusal.bytesMissing) { try await read(try self.bench(.foreign("old.wav"))) }
    }

    @Test("a store that is away is not bytes that are gone")
    func storeAway() async throws {
        let bench = try bench()
        bench.store.fail(.open, .unavailable("away"))
        await #expect(throws: BlobStoreError.unavailable("away")) { try await read(bench) }
    }

    @Test("a condition that fails, or spares the reader the bytes, opens none")
    func conditions() async throws {
        let bench = try bench()
        let reply = try await read(bench, request { $0.precondition.ifNoneMatch = .any })
        #expect(reply.plan == nil && reply.blob == nil && reply.object == ReadableObject(Self.record))
        await #expect(throws: Refusal.preconditionFailed(current: Self.record.etag)) {
            try await read(bench, request { $0.precondition.ifMatch = .listed(["\"x\""]) })
        }
        #expect(bench.journal.count(.open(Self.record.key)) == 0)
    }

    @Test("conditions come before the range (RFC 9110 §13.2.2)")
    func conditionBeforeRange() async throws {
        let reply = try await read(
            try bench(),
            request {
                $0.range = "bytes=100-"
                $0.precondition.ifNoneMatch = .any
            })
        #expect(reply.plan == nil)
    }

    @Test("If-Range gives the part of the object it names, and the whole of any other")
    func ifRange() async throws {
        let part = RangePlan.part(ByteRange(first: 0, last: 0))
        for (field, plan) in [
            (Self.record.etag.text, part), ("\"x\"", .whole), ("W/" + Self.record.etag.text, .whole),
            (Self.record.createdAt.httpDate, part), (Timestamp(seconds: 0).httpDate, .whole),
            ((Self.record.createdAt + .seconds(1)).httpDate, .whole), ("", .whole), ("*", .whole), ("nonsense", .whole),
        ] {
            let reply = try await read(
                try bench(),
                request {
                    $0.range = "bytes=0-0"
                    $0.ifRange = field
                })
            #expect(reply.plan == plan, "\(field)")
        }
    }

    @Test("an unsatisfiable range of another object's is the whole of this one")
    func ifRangeBeforeRange() async throws {
        let reply = try await read(
            try bench(),
            request {
                $0.range = "bytes=100-"
                $0.ifRange = "\"x\""
            })
        #expect(reply.plan == .whole)
    }

    @Test("a link that works once is used up by the bytes, the second time is 410")
    func once() async throws {
        let bench = try bench()
        let link = try link(once: true)
        _ = try await bench.read(link, request())
        #expect(bench.journal.steps == [.find, .open(Self.record.key), .burn])
        await #expect(throws: Refusal.linkUsed) { try await bench.read(link, request()) }
    }

    @Test("a part of the bytes uses a link up as well")
    func onceByRange() async throws {
        let bench = try bench()
        let link = try link(once: true)
        _ = try await bench.read(link, request { $0.range = "bytes=0-0" })
        await #expect(throws: Refusal.linkUsed) { try await bench.read(link, request()) }
    }

    @Test("HEAD, 304, 412, 416 and missing bytes do not use a link up")
    func notBurned() async throws {
        let bench = try bench()
        let link = try link(once: true)
        _ = try await bench.read(link, request { $0.headOnly = true })
        _ = try await bench.read(link, request { $0.precondition.ifNoneMatch = .any })
        _ = try? await bench.read(link, request { $0.precondition.ifMatch = .listed(["\"x\""]) })
        _ = try? await bench.read(link, request { $0.range = "bytes=100-" })
        bench.store.fail(.open, .absent)
        _ = try? await bench.read(link, request())
        #expect(bench.journal.count(.burn) == 0)
        bench.store.state.withLock { $0.faults = [:] }
        #expect(try await bench.read(link, request()).plan == .whole)
    }

    @Test("a use that cannot be recorded yields no bytes")
    func burnFails() async throws {
        let bench = try bench()
        bench.catalog.fail(.burn, .unavailable("away"))
        let link = try link(once: true)
        await #expect(throws: CatalogError.unavailable("away")) { try await bench.read(link, request()) }
    }

    @Test("another link works again and again")
    func manyTimes() async throws {
        let bench = try bench()
        let link = try link(once: false)
        for _ in 0..<3 { _ = try await bench.read(link, request()) }
        #expect(bench.journal.count(.burn) == 0)
    }

    @Test("a link whose job is revoked, gone or another's, or whose object is gone, is 404")
    func deadLinks() async throws {
        for found in [
            nil, Sample.found(.published(Self.record), epoch: 4), Sample.found(nil, epoch: 3),
            Sample.found(.published(Self.record), owner: Sample.otherUser, epoch: 3),
        ] {
            let bench = try bench()
            bench.catalog.state.withLock { $0.job = found }
            let link = try link(once: true)
            await #expect(throws: Refusal.notFound) { try await bench.read(link, request()) }
            #expect(bench.journal.count(.burn) == 0)
        }
    }
}
