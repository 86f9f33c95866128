import CustodeTesting
import Synchronization
import Testing

@testable import CustodeCore

@Suite("admitting an upload before a byte of it is read")
struct PutObjectAdmissionTests {
    private func refusal(
        _ bench: UploadBench, _ principal: Principal = UploadBench.principal(), job: JobID = Sample.job,
        object: ObjectName = .input, _ request: PutObject.Request = PutObject.Request()
    ) async throws -> Refusal? {
        await #expect(throws: Refusal.self) { try await bench.put.admit(principal, job, object, request) }
    }

    @Test("a job that does not exist, one of somebody else and an unknown object are the same 404")
    func notFound() async throws {
        let bench = try UploadBench()
        let stranger = UploadBench.principal(user: Sample.otherUser)
        #expect(try await refusal(bench, job: #require(JobID("nobody's"))) == .notFound)
        #expect(try await refusal(bench, stranger) == .notFound)
        #expect(try await refusal(bench, object: #require(ObjectName("poem"))) == .notFound)
        let composed = try UploadBench(Sample.found(owner: #require(UserID("\u{E9}"))))
        let decomposed = UploadBench.principal(user: try #require(UserID("e\u{301}")))
        #expect(try await refusal(composed, decomposed) == .notFound)
    }

    @Test("inputs need the grant delegate, artifacts the grant artifacts")
    func grants() async throws {
        let bench = try UploadBench()
        for (grants, object, isAdmitted) in [
            ([.delegate], ObjectName.input, true), ([.delegate], Sample.transcript, false),
            ([.artifacts], .input, false),
            ([.artifacts], Sample.transcript, true), ([], .input, false), ([], Sample.transcript, false),
            ([.delegate, .artifacts], .input, true), ([.delegate, .artifacts], Sample.transcript, true),
        ] as [(Set<Grant>, ObjectName, Bool)] {
            let principal = UploadBench.principal(grants)
            if isAdmitted {
                _ = try await bench.put.admit(principal, Sample.job, object, PutObject.Request())
            } else {
                guard case .forbidden? = try await refusal(bench, principal, object: object) else {
                    Issue.record("\(grants) may write \(object)")
                    continue
                }
            }
        }
    }

    @Test("a repetition whose first reply was lost is told so: the digest says the same bytes")
    func repetition() async throws {
        let record = Sample.record(UploadBench.wavBytes)
        let bench = try UploadBench(Sample.found(.published(record)))
        let request = UploadBench.request { $0.digest = record.sha256 }
        let decision = try await bench.put.admit(UploadBench.principal(), Sample.job, .input, request)
        guard case .alreadyThere(record) = decision else {
            Issue.record("\(decision)")
            return
        }
        #expect(bench.journal.steps == [.find])
    }

    @Test("an object that is there is 409 for other bytes, or for bytes nobody vouches for")
    func exists() async throws {
        let record = Sample.record(UploadBench.wavBytes)
        let bench = try UploadBench(Sample.found(.published(record)))
        #expect(try await refusal(bench) == .exists(record))
        let other = UploadBench.request { $0.digest = Digest(SHA256.digest([1])) }
        #expect(try await refusal(bench, object: .input, other) == .exists(record))
    }

    @Test("If-Match replaces: the reference changes, nothing is created, the old bytes stay for collection")
    func replacing() async throws {
        let old = Sample.record([1], key: UploadBench.plainKey)
        let bench = try UploadBench(Sample.found(.published(old)))
        bench.catalog.state.withLock { _ = $0.written.insert(old.key) }
        bench.store.state.withLock { $0.objects[old.key] = [1] }
        let outcome = try await bench.send(
            UploadBench.wav, asking: UploadBench.request { $0.precondition.ifMatch = .listed([old.etag.text]) })
        #expect(!outcome.created && outcome.record.key != old.key)
        #expect(bench.catalog.reference == .published(outcome.record))
        #expect(bench.store.objects[old.key] == [1])
    }

    @Test("a reference that was not published here is not written over")
    func foreignReference() async throws {
        #expect(try await refusal(try UploadBench(Sample.found(.foreign("uploads/old.wav")))) == .bytesMissing)
    }

    @Test("the input of a job type that the policy does not know is refused")
    func unknownType() async throws {
        guard case .unsupportedType? = try await refusal(try UploadBench(Sample.found(type: "karaoke"))) else {
            Issue.record("admitted")
            return
        }
    }

    @Test("a body declared larger than the policy's limit, or the link's, is 413; of the limit itself it is not")
    func declaredLength() async throws {
        let bench = try UploadBench()
        let limit: Int64 = 4 << 30
        #expect(
            try await refusal(bench, object: .input, UploadBench.request { $0.length = limit + 1 })
                == .tooLarge(limit: limit))
        _ = try await bench.admit(.input, UploadBench.request { $0.length = limit })
        let narrow = UploadBench.request {
            $0.length = 11
            $0.maximumBytes = 10
        }
        #expect(try await refusal(bench, object: .input, narrow) == .tooLarge(limit: 10))
    }

    @Test("a link admits its job as long as epoch and owner are those of its minting")
    func links() async throws {
        let bench = try UploadBench(Sample.found(epoch: 3))
        var claims = try LinkClaimsTests.claims(.upload, job: Sample.job.text)
        claims.owner = Sample.user.fingerprint
        claims.maximumBytes = 10
        guard case .proceed(let admission) = try await bench.put.admit(claims, PutObject.Request()) else {
            Issue.record("not admitted")
            return
        }
        #expect(admission.limit == 10)
        for change in [
            { $0.epoch = 2 }, { $0.epoch = 4 }, { $0.owner = Sample.otherUser.fingerprint },
            { $0.job = Sample.known(JobID("another")) }, { $0.object = Sample.known(ObjectName("poem")) },
        ] as [(inout LinkClaims) -> Void] {
            var other = claims
            change(&other)
            await #expect(throws: Refusal.notFound) { try await bench.put.admit(other, PutObject.Request()) }
        }
    }

    @Test("a link that works once admits until it was used, which asking whether it may does not do")
    func onceLinks() async throws {
        let bench = try UploadBench(Sample.found(epoch: 3))
        var claims = try LinkClaimsTests.claims(.upload, job: Sample.job.text)
        claims.owner = Sample.user.fingerprint
        claims.once = true
        for _ in 0..<2 {
            guard case .proceed = try await bench.put.admit(claims, PutObject.Request()) else {
                Issue.record("not admitted")
                return
            }
        }
        #expect(bench.journal.count(.burn) == 0)
        bench.catalog.state.withLock { _ = $0.burned.insert(claims.nonce) }
        await #expect(throws: Refusal.linkUsed) { try await bench.put.admit(claims, PutObject.Request()) }
        claims.once = false
        guard case .proceed = try await bench.put.admit(claims, PutObject.Request()) else {
            Issue.record("a link that works many times was used up")
            return
        }
    }

    @Test("a catalog that is away is no 404")
    func catalogAway() async throws {
        let bench = try UploadBench()
        bench.catalog.fail(.find, .unavailable("away"))
        await #expect(throws: CatalogError.unavailable("away")) {
            try await bench.put.admit(UploadBench.principal(), Sample.job, .input, PutObject.Request())
        }
    }
}
