import CustodeCore
import CustodeTesting
import Testing

@testable import BlobStores

@Suite("moves in S3 whose claim ends, or whose place is taken, meanwhile")
struct S3MoveTests {
    private func world() async throws -> (TestS3, FaultProxy, String) {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        #expect(try await bucket.store.conditionalRemoval.isHonoured(by: bucket.store) == false)
        return (bucket, proxy, bucket.store.configuration.bucket)
    }

    @Test("I3, I9: a removal whose reply was lost is not sent again: it might find what was restored meanwhile")
    func removal() async throws {
        let (bucket, proxy, name) = try await world()
        try await bucket.write("text", to: "users/a")
        let wish = try await bucket.store.wish("users/a", to: ".trash/users/a")
        proxy.forgetRequests()
        proxy.loseReply(matching: "DELETE /\(name)/users")
        guard case .failed(.unavailable) = await bucket.store.move([wish])[0] else {
            Issue.record("its end is not known")
            return
        }
        #expect(proxy.count(matching: "DELETE /\(name)/users") == 1)
        #expect(await bucket.store.move([wish]) == [.moved])
    }

    @Test("a removal that never reached the service is not tried again once the claim is over")
    func late() async throws {
        let (bucket, proxy, name) = try await world()
        try await bucket.write("text", to: "users/a")
        let wish = try await bucket.store.wish("users/a", to: ".trash/users/a")
        let line = "DELETE /\(name)/users"
        proxy.forgetRequests()
        proxy.answer(matching: line, with: .s3Error(409, "OperationAborted"))
        _ = await bucket.store.move([wish]) { proxy.count(matching: line) == 0 }
        #expect(proxy.count(matching: line) == 1)
    }

    @Test("a move whose claim ended after the copy is told as failed, not as one that was never begun")
    func copy() async throws {
        let (bucket, proxy, name) = try await world()
        try await bucket.write("text", to: "users/a")
        let wish = try await bucket.store.wish("users/a", to: ".trash/users/a")
        let line = "PUT /\(name)/.trash"
        proxy.forgetRequests()
        guard
            case .failed(.unavailable) = await bucket.store.move([wish], while: { proxy.count(matching: line) == 0 })[0]
        else {
            Issue.record("it was begun")
            return
        }
        #expect(try await bucket.store.keys() == bytes([".trash/users/a", "users/a"]))
        #expect(await bucket.store.move([wish]) == [.moved])
    }

    @Test("where a service knows the condition, a place that is taken during a copy is not overwritten")
    func taken() async throws {
        let (bucket, proxy, name) = try await world()
        try await bucket.write("old", to: ".trash/users/a")
        let back = try await bucket.store.wish(".trash/users/a", to: "users/a")
        // Ceph 16 passes over the condition; this is what AWS answers.
        proxy.answer(matching: "PUT /\(name)/users/a", with: .s3Error(412, "PreconditionFailed"))
        #expect(await bucket.store.move([back]) == [.changed])
        try proxy.clear()
        #expect(try await bucket.store.keys() == bytes([".trash/users/a"]))
        proxy.answer(matching: "PUT /\(name)/users/a", with: .s3Error(501, "NotImplemented"), times: 1)
        #expect(await bucket.store.move([back]) == [.moved])
    }

    @Test("a copy in parts whose completion nobody knows the end of is not taken apart")
    func partwise() async throws {
        let (bucket, proxy, name) = try await world()
        let content = S3UploadTests.noise(11 * 1_024 * 1_024)
        _ = try await bucket.store.put(S3UploadTests.pieces(content), as: key("1"))
        let from = try key("1").text
        let wish = try await bucket.store.wish(from, to: ".trash/" + from)
        proxy.forgetRequests()
        proxy.answer(matching: "POST /\(name)/.trash/\(from)?uploadId", with: .s3Error(500, "InternalError"))
        var move = S3Move(store: bucket.store, move: wish, mayGoOn: { true }, largestCopy: 1_024)
        move.partSize = 5 * 1_024 * 1_024
        guard case .failed = await move.run() else {
            Issue.record("moved")
            return
        }
        #expect(proxy.count(matching: "POST /\(name)/.trash/\(from)?uploadId") > 0)
        #expect(proxy.count(matching: "DELETE /\(name)/.trash") == 0)
    }
}
