import Synchronization
import Testing

@testable import CustodeCore

@Suite("forgetting an object")
struct ForgetObjectTests {
    private static let record = Sample.record([1, 2, 3])

    private func bench(_ reference: JobObject.Reference? = .published(record)) throws -> UploadBench {
        try UploadBench(Sample.found(reference))
    }

    private func forget(
        _ bench: UploadBench, by principal: Principal = UploadBench.principal([.delegate]), job: JobID = Sample.job,
        _ change: (inout Precondition) -> Void = { _ in }
    ) async throws {
        var precondition = Precondition()
        change(&precondition)
        try await ForgetObject(catalog: bench.catalog)(principal, job, .input, precondition)
    }

    @Test("the reference goes now, and the bytes are left to collection")
    func forgotten() async throws {
        let bench = try bench()
        bench.store.state.withLock { $0.objects[Self.record.key] = [1, 2, 3] }
        try await forget(bench)
        #expect(bench.catalog.reference == nil && bench.store.objects[Self.record.key] == [1, 2, 3])
        #expect(bench.journal.steps == [.find, .forget(.present)])
    }

    @Test("a job that does not exist, one of somebody else and an absent object are the same 404")
    func notFound() async throws {
        await #expect(throws: Refusal.notFound) { try await forget(try bench(), job: #require(JobID("nobody's"))) }
        await #expect(throws: Refusal.notFound) {
            try await forget(try bench(), by: UploadBench.principal(user: Sample.otherUser))
        }
        await #expect(throws: Refusal.notFound) { try await forget(try bench(nil)) }
    }

    @Test("a worker forgets nothing, its own artifacts neither")
    func grants() async throws {
        let bench = try bench()
        let error = await #expect(throws: Refusal.self) {
            try await forget(bench, by: UploadBench.principal([.artifacts]))
        }
        guard case .forbidden? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(bench.journal.steps.isEmpty)
    }

    @Test("If-Match forgets what it names and nothing newer, even if that came in between")
    func ifMatch() async throws {
        let bench = try bench()
        await #expect(throws: Refusal.preconditionFailed(current: Self.record.etag)) {
            try await forget(bench) { $0.ifMatch = .listed(["\"x\""]) }
        }
        await #expect(throws: Refusal.preconditionFailed(current: Self.record.etag)) {
            try await forget(bench) { $0.ifMatch = .listed(["W/" + Self.record.etag.text]) }
        }
        bench.catalog.state.withLock { $0.beforePublishing = { $0.refer(to: .published(Sample.record([9]))) } }
        await #expect(throws: Refusal.preconditionFailed(current: nil)) {
            try await forget(bench) { $0.ifMatch = .listed([Self.record.etag.text]) }
        }
        #expect(bench.catalog.reference != nil)
        bench.catalog.state.withLock { $0.beforePublishing = nil }
        try await forget(bench) { $0.ifMatch = .any }
        #expect(bench.catalog.reference == nil)
    }

    @Test("If-None-Match that names the object keeps it")
    func ifNoneMatch() async throws {
        let bench = try bench()
        for tags in [Precondition.Tags.any, .listed([Self.record.etag.text])] {
            await #expect(throws: Refusal.preconditionFailed(current: Self.record.etag)) {
                try await forget(bench) { $0.ifNoneMatch = tags }
            }
        }
        try await forget(bench) { $0.ifNoneMatch = .listed(["\"x\""]) }
    }

    @Test("a reference that was not published here is forgotten too, but no tag names it")
    func foreign() async throws {
        await #expect(throws: Refusal.preconditionFailed(current: nil)) {
            try await forget(try self.bench(.foreign("old.wav"))) { $0.ifMatch = .listed(["\"x\""]) }
        }
        let bench = try self.bench(.foreign("old.wav"))
        try await forget(bench)
        #expect(bench.catalog.reference == nil)
    }

    @Test("a job that goes in between is 404")
    func goneMeanwhile() async throws {
        let bench = try bench()
        bench.catalog.state.withLock { $0.beforePublishing = { $0.job = Sample.found(owner: Sample.otherUser) } }
        await #expect(throws: Refusal.notFound) { try await forget(bench) }
    }
}
