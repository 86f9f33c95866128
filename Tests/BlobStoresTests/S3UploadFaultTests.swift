import Cryptography
import CustodeCore
import CustodeTesting
import HTTPFetch
import NIOCore
import Testing

@testable import BlobStores

@Suite("uploads into S3 when things go wrong")
struct S3UploadFaultTests {
    private static let small = [UInt8](repeating: 7, count: 70_000)
    private static let large = S3UploadTests.noise(17 * 1_024 * 1_024)

    /// What may happen to a request on its way.
    enum Mishap: String, CaseIterable, CustomTestStringConvertible {
        case slowDown, internalError, lostReply, reset, edge
        var testDescription: String { rawValue }

        func strike(_ proxy: FaultProxy, _ part: String) {
            switch self {
            case .slowDown: proxy.answer(matching: part, with: .s3Error(503, "SlowDown"), times: 1)
            case .internalError: proxy.answer(matching: part, with: .s3Error(500, "InternalError"), times: 2)
            case .lostReply: proxy.loseReply(matching: part)
            case .reset: proxy.loseReply(matching: part, .reset, times: 2)
            case .edge:
                proxy.answer(
                    matching: part, with: CannedResponse(502, headers: ["Content-Type": "text/html"], body: "<html>no"),
                    times: 1)
            }
        }
    }

    private func put(_ bytes: [UInt8], _ mishap: Mishap, at part: String) async throws -> (TestS3, FaultProxy) {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        #expect(try await bucket.store.conditionalWriting.isHonoured(by: bucket.store))
        mishap.strike(proxy, part)
        let sealed = try await bucket.store.put(S3UploadTests.pieces(bytes), as: key("1"))
        #expect(sealed.sha256.bytes == Cryptography.SHA256.hash(bytes))
        #expect(try await bucket.store.bytes(key("1").text) == bytes)
        return (bucket, proxy)
    }

    @Test("a small upload survives a mishap of its one request, and is made once", arguments: Mishap.allCases)
    func small(_ mishap: Mishap) async throws {
        let (bucket, _) = try await put(Self.small, mishap, at: "PUT ")
        #expect(try await bucket.store.keys().count == 1)
    }

    @Test(
        "an upload in parts survives a mishap of any of its requests", arguments: Mishap.allCases,
        ["?uploads", "partNumber=2", "POST /", "HEAD /"])
    func large(_ mishap: Mishap, _ part: String) async throws {
        let (bucket, proxy) = try await put(Self.large, mishap, at: part)
        #expect(try await bucket.store.keys().count == 1)
        #expect(proxy.count(matching: "partNumber=") >= 3)
    }

    @Test("a mishap that does not end fails an upload; nothing is at its key, and nothing of it is left")
    func lasting() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        proxy.answer(matching: "partNumber=", with: .s3Error(503, "SlowDown"))
        await #expect(throws: BlobStoreError.self) {
            let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: nil)
            do {
                for piece in S3UploadTests.pieces(Self.large) { try await upload.write(ByteBuffer(bytes: piece)) }
                _ = try await upload.seal()
            } catch {
                await upload.discard()
                throw error
            }
        }
        #expect(try await bucket.store.facts(of: [key("1").text]) == [nil])
        #expect(try await bucket.store.unfinished(after: nil) == [])
    }

    @Test("a publication of which nobody can tell whether it was made is told as that")
    func unsettled() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        #expect(try await bucket.store.conditionalWriting.isHonoured(by: bucket.store))
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: 4)
        try await upload.write(ByteBuffer(bytes: [1, 2, 3, 4]))
        _ = try await upload.seal()
        proxy.loseReply(matching: "PUT ", times: .max)
        proxy.answer(matching: "HEAD ", with: .s3Error(503, "SlowDown"))
        let error = await #expect(throws: BlobStoreError.self) { try await upload.publish(as: key("1")) }
        guard case .unsettled? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try proxy.clear()
        #expect(try await bucket.store.bytes(key("1").text) == [1, 2, 3, 4])
    }

    @Test("a publication that never reached the service is told as not made")
    func refused() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: 4)
        try await upload.write(ByteBuffer(bytes: [1, 2, 3, 4]))
        _ = try await upload.seal()
        proxy.endConnections()
        proxy.set(.refuse)
        let error = await #expect(throws: BlobStoreError.self) { try await upload.publish(as: key("1")) }
        guard case .unavailable? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try proxy.clear()
        #expect(try await bucket.store.facts(of: [key("1").text]) == [nil])
    }

    @Test("a completion that is answered with 200 and an error is taken for the error it is")
    func lateError() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        let document = "<?xml version=\"1.0\"?>\n\n<Error><Code>InternalError</Code><Message>again</Message></Error>"
        proxy.answer(matching: "uploadId=", with: CannedResponse(200, body: "<r/>"), times: 0)
        proxy.answer(
            matching: "POST /\(bucket.store.configuration.bucket)/\(try key("1").text)?uploadId",
            with: CannedResponse(200, body: document), times: 2)
        _ = try await bucket.store.put(S3UploadTests.pieces(Self.large), as: key("1"))
        #expect(try await bucket.store.bytes(key("1").text) == Self.large)
    }

    @Test("an upload of which the service knows nothing any more, since it completed it, is published")
    func completedBefore() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        proxy.rewrite(
            matching: "POST /\(bucket.store.configuration.bucket)/\(try key("1").text)?uploadId",
            by: .text("<Error><Code>NoSuchUpload</Code></Error>"))
        _ = try await bucket.store.put(S3UploadTests.pieces(Self.large), as: key("1"))
        #expect(try await bucket.store.bytes(key("1").text) == Self.large)
    }

    @Test("an upload whose parts the service lost fails, and is never told as made")
    func lostUpload() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: nil)
        for piece in S3UploadTests.pieces(Self.large) { try await upload.write(ByteBuffer(bytes: piece)) }
        _ = try await upload.seal()
        let open = try await bucket.store.unfinished(after: nil)
        #expect(open.count == 1)
        #expect(await bucket.store.abort(open) { true } == [nil])
        await #expect(throws: BlobStoreError.self) { try await upload.publish(as: key("1")) }
        #expect(try await bucket.store.facts(of: [key("1").text]) == [nil])
    }

    @Test("an upload that was lost after a doubt is told as one that may have been made")
    func lostAfterDoubt() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        let line = "POST /\(bucket.store.configuration.bucket)/\(try key("1").text)?uploadId"
        proxy.answer(matching: line, with: .s3Error(500, "InternalError"), times: 1)
        proxy.answer(matching: line, with: .s3Error(404, "NoSuchUpload"), times: 1)
        let error = await #expect(throws: BlobStoreError.self) {
            try await bucket.store.put(S3UploadTests.pieces(Self.large), as: key("1"))
        }
        guard case .unsettled? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("bytes that change on their way to the service are never stored")
    func payload() async throws {
        let bucket = try await TestS3.make()
        var request = S3Request("PUT", "a")
        request.body = .bytes(ByteBuffer(bytes: [1, 2, 3]))
        request.payloadHash = SigV4.emptyHash
        let ready = request
        let error = await #expect(throws: S3Error.self) { try await bucket.store.sender.head(ready) }
        #expect(error?.status == 400)
        #expect(try await bucket.store.facts(of: ["a"]) == [nil])
    }
}
