import CustodeTesting
import NIOCore
import Synchronization
import Testing

@testable import CustodeCore

@Suite("an upload that fails leaves no reference, no temporary bytes and no open intent")
struct PutObjectFailureTests {
    struct Gone: Error {}

    /// How an intent is closed.
    enum Closing { case cancelled, abandoned, neverOpened }

    private func expectClosed(
        _ bench: UploadBench, _ closing: Closing, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        bench.expectNothingLeft(sourceLocation: sourceLocation)
        #expect(
            bench.journal.count(.cancel) == (closing == .cancelled ? 1 : 0), sourceLocation: sourceLocation)
        #expect(
            bench.journal.count(.abandon) == (closing == .abandoned ? 1 : 0), sourceLocation: sourceLocation)
    }

    @Test("the catalog is away when the intent is to be committed: no byte is stored")
    func intent() async throws {
        let bench = try UploadBench()
        bench.catalog.fail(.beginUpload, .unavailable("away"))
        await #expect(throws: CatalogError.unavailable("away")) { try await bench.send() }
        #expect(bench.journal.steps == [.sniff])
        expectClosed(bench, .neverOpened)
    }

    @Test(
        "as long as no bytes can be at a key the intent is cancelled",
        arguments: [FakeStore.Call.beginUpload, .write, .seal, .publish])
    func beforeBytes(call: FakeStore.Call) async throws {
        for error in [BlobStoreError.noRoom, .unavailable("broken"), .cancelled] {
            let bench = try UploadBench()
            bench.store.fail(call, error)
            await #expect(throws: error) { try await bench.send() }
            #expect(bench.store.objects.isEmpty)
            #expect(bench.journal.count(.discard) == (call == .beginUpload ? 0 : 1))
            expectClosed(bench, .cancelled)
        }
    }

    @Test("when nobody can tell whether bytes are at a key the intent is handed to collection")
    func unsettled() async throws {
        let bench = try UploadBench()
        bench.store.fail(.publish, .unsettled("broken"))
        await #expect(throws: BlobStoreError.unsettled("broken")) { try await bench.send() }
        #expect(bench.journal.count(.discard) == 1)
        #expect(bench.catalog.abandonedKeys == [UploadBench.plainKey])
        expectClosed(bench, .abandoned)
    }

    @Test("bytes that stand at their key although the store failed are collection's")
    func publishedYetFailed() async throws {
        let bench = try UploadBench()
        bench.store.state.withLock { $0.failsAfterPublishing = true }
        await #expect(throws: BlobStoreError.self) { try await bench.send() }
        #expect(bench.store.objects.keys.sorted() == bench.catalog.abandonedKeys)
        expectClosed(bench, .abandoned)
    }

    @Test("the catalog is away when the intent is to be moved")
    func moving() async throws {
        let bench = try UploadBench()
        bench.store.state.withLock { $0.objects[UploadBench.plainKey] = [9] }
        bench.catalog.fail(.move, .unavailable("away"))
        await #expect(throws: CatalogError.unavailable("away")) { try await bench.send() }
        #expect(bench.store.objects == [UploadBench.plainKey: [9]])
        expectClosed(bench, .cancelled)
    }

    @Test("the catalog is away when the row is to be written: the bytes are collection's")
    func row() async throws {
        for error in [CatalogError.unavailable("away"), .failed("foreseen by nobody"), .cancelled] {
            let bench = try UploadBench()
            bench.catalog.fail(.publish, error)
            await #expect(throws: error) { try await bench.send() }
            #expect(bench.catalog.abandonedKeys == [UploadBench.plainKey])
            expectClosed(bench, .abandoned)
        }
    }

    @Test("a job deleted in mid-upload is 404, and the bytes are collection's")
    func jobGone() async throws {
        let bench = try UploadBench()
        bench.catalog.state.withLock { $0.beforePublishing = { $0.job = nil } }
        await #expect(throws: Refusal.notFound) { try await bench.send() }
        #expect(bench.catalog.abandonedKeys == [UploadBench.plainKey])
        expectClosed(bench, .abandoned)
    }

    @Test("a job that went to another user in mid-upload is 404")
    func ownerChanged() async throws {
        let bench = try UploadBench()
        bench.catalog.state.withLock { $0.beforePublishing = { $0.job = Sample.found(owner: Sample.otherUser) } }
        await #expect(throws: Refusal.notFound) { try await bench.send() }
        expectClosed(bench, .abandoned)
    }

    @Test("an object that changed under If-Match is 412, and the bytes are collection's")
    func changed() async throws {
        let old = Sample.record([1])
        let bench = try UploadBench(Sample.found(.published(old)))
        bench.catalog.state.withLock { $0.beforePublishing = { $0.job = Sample.found() } }
        await #expect(throws: Refusal.preconditionFailed(current: nil)) {
            try await bench.send(
                UploadBench.wav, asking: UploadBench.request { $0.precondition.ifMatch = .listed([old.etag.text]) })
        }
        #expect(bench.store.openUploads == 0 && bench.journal.count(.abandon) <= 1)
        #expect(bench.catalog.reference == nil)
    }

    @Test("of two uploads by a link that works once the later is 410, and its bytes are collection's")
    func onceLinkUsed() async throws {
        let bench = try UploadBench(Sample.found(epoch: 3))
        var claims = try LinkClaimsTests.claims(.upload, job: Sample.job.text)
        claims.owner = Sample.user.fingerprint
        claims.once = true
        guard case .proceed(let admission) = try await bench.put.admit(claims, PutObject.Request()) else {
            Issue.record("not admitted")
            return
        }
        let body = PieceByPiece(pieces: UploadBench.wav)
        bench.store.fail(.seal, .noRoom)
        await #expect(throws: BlobStoreError.noRoom) { try await bench.put(admission, body: body) }
        #expect(bench.catalog.state.withLock { $0.burned }.isEmpty, "an upload that fails does not use it up")
        bench.store.state.withLock { $0.faults = [:] }
        let record = try await bench.put(admission, body: body).record
        bench.catalog.state.withLock { $0.refer(to: nil) }
        await #expect(throws: Refusal.linkUsed) { try await bench.put(admission, body: body) }
        #expect(bench.store.objects[record.key] == UploadBench.wavBytes)
        bench.expectNothingLeft()
    }

    @Test("an upload whose intent collection took over refers to nothing")
    func intentLost() async throws {
        let bench = try UploadBench()
        bench.catalog.state.withLock { $0.beforePublishing = { $0.open = [:] } }
        await #expect(throws: Refusal.unavailable(.database)) { try await bench.send() }
        bench.expectNothingLeft()
    }

    @Test("of two uploads of the same bytes the later is told of the earlier, as its own")
    func raceOfSameBytes() async throws {
        let theirs = Sample.record(UploadBench.wavBytes, key: "users/x")
        let bench = try UploadBench()
        bench.catalog.state.withLock { $0.beforePublishing = { $0.job = Sample.found(.published(theirs)) } }
        let outcome = try await bench.send(UploadBench.wav, asking: UploadBench.request { $0.digest = theirs.sha256 })
        #expect(outcome.record == theirs && !outcome.created)
        #expect(bench.catalog.reference == .published(theirs))
        #expect(bench.store.openUploads == 0 && bench.journal.count(.abandon) == 1)
    }

    @Test("of two uploads of different bytes the later is 409, and so is one that vouches for none")
    func raceOfOtherBytes() async throws {
        let theirs = Sample.record([9, 9], key: "users/x")
        for digest in [nil, Digest(SHA256.digest(UploadBench.wavBytes))] {
            let bench = try UploadBench()
            bench.catalog.state.withLock { $0.beforePublishing = { $0.job = Sample.found(.published(theirs)) } }
            await #expect(throws: Refusal.exists(theirs)) {
                try await bench.send(UploadBench.wav, asking: UploadBench.request { $0.digest = digest })
            }
            #expect(bench.catalog.reference == .published(theirs))
            #expect(bench.store.openUploads == 0 && bench.journal.count(.abandon) == 1)
        }
    }

    @Test("an upload that lost the race to one that is gone again is 404 or tried again, never a reference")
    func raceWithGhost() async throws {
        let bench = try UploadBench()
        bench.catalog.state.withLock { $0.outcome = .exists }
        await #expect(throws: Refusal.notFound) { try await bench.send() }
        expectClosed(bench, .abandoned)
    }

    @Test("a client that goes in mid-body takes its bytes with it")
    func clientGone() async throws {
        let bench = try UploadBench()
        await #expect(throws: Gone.self) { try await bench.send(UploadBench.wav, failure: Gone()) }
        #expect(bench.journal.count(.seal) == 0 && bench.journal.count(.discard) == 1)
        expectClosed(bench, .cancelled)
    }

    @Test("an upload whose task is cancelled still closes its intent")
    func taskCancelled() async throws {
        let bench = try UploadBench()
        await #expect(throws: CancellationError.self) {
            try await bench.send { piece in
                if piece == 2 { withUnsafeCurrentTask { $0?.cancel() } }
            }
        }
        expectClosed(bench, .cancelled)
    }

    @Test("an intent that cannot be closed now is left to its lease, and the first fault is what is told")
    func closingFails() async throws {
        let bench = try UploadBench()
        bench.store.fail(.write, .noRoom)
        bench.catalog.fail(.cancel, .unavailable("away"))
        await #expect(throws: BlobStoreError.noRoom) { try await bench.send() }
        #expect(bench.catalog.openIntents == 1 && bench.catalog.reference == nil && bench.store.openUploads == 0)
    }

    private static let wrongLength = Refusal.badRequest("The body is not as long as Content-Length says.")

    @Test("a body shorter than declared is 400, whether it ends before or after its first bytes were judged")
    func shorter() async throws {
        for pieces in [UploadBench.wav, [[1, 2, 3]]] {
            let bench = try UploadBench()
            let length = Int64(pieces.joined().count) + 1
            await #expect(throws: Self.wrongLength) {
                try await bench.send(pieces, asking: UploadBench.request { $0.length = length })
            }
            #expect(bench.journal.count(.seal) == 0)
            expectClosed(bench, pieces.count == 1 ? .neverOpened : .cancelled)
        }
    }

    @Test("a body longer than declared is 400 at the first byte too many, before that is stored")
    func longer() async throws {
        let bench = try UploadBench()
        await #expect(throws: Self.wrongLength) {
            try await bench.send(UploadBench.wav, asking: UploadBench.request { $0.length = 5_002 })
        }
        #expect(bench.journal.count(.write) == 2)
        expectClosed(bench, .cancelled)
    }

    @Test("a body of unknown length beyond the limit is 413 as soon as that shows")
    func tooLarge() async throws {
        let bench = try UploadBench()
        await #expect(throws: Refusal.tooLarge(limit: 5_003)) {
            try await bench.send(UploadBench.wav, asking: UploadBench.request { $0.maximumBytes = 5_003 })
        }
        #expect(bench.journal.count(.write) == 2)
        expectClosed(bench, .cancelled)
        let whole = try await UploadBench().send(
            UploadBench.wav, asking: UploadBench.request { $0.maximumBytes = 5_006 })
        #expect(whole.record.size == 5_006)
    }

    @Test("bytes whose SHA-256 is not the one in Content-Digest are 400, and reach no key")
    func digestMismatch() async throws {
        let bench = try UploadBench()
        await #expect(
            throws: Refusal.badRequest("The body's SHA-256 is not the one in Content-Digest; send it again.")
        ) {
            try await bench.send(
                UploadBench.wav, asking: UploadBench.request { $0.digest = Digest(SHA256.digest([1])) })
        }
        #expect(bench.store.objects.isEmpty)
        expectClosed(bench, .cancelled)
    }

    @Test("a store that sealed another number of bytes than came is not believed")
    func sizeMismatch() async throws {
        let bench = try UploadBench()
        bench.store.state.withLock { $0.sizeError = -1 }
        await #expect(throws: Refusal.unavailable(.bucket)) { try await bench.send() }
        #expect(bench.store.objects.isEmpty)
        expectClosed(bench, .cancelled)
    }

    @Test("an id too long to name an object by is 400, and nothing is begun")
    func idTooLong() async throws {
        let user = try #require(UserID(String(repeating: "|", count: 67)))
        let bench = try UploadBench(Sample.found(owner: user))
        let decision = try await bench.put.admit(
            UploadBench.principal(user: user), Sample.job, .input, PutObject.Request())
        guard case .proceed(let admission) = decision else {
            Issue.record("\(decision)")
            return
        }
        await #expect(
            throws: Refusal.badRequest("The user's or the job's id is too long to name an object by.")
        ) {
            try await bench.put(admission, body: PieceByPiece(pieces: UploadBench.wav))
        }
        expectClosed(bench, .neverOpened)
    }
}
