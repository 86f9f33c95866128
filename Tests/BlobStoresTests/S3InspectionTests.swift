import CustodeCore
import CustodeTesting
import Foundation
import HTTPFetch
import NIOCore
import Testing

@testable import BlobStores

@Suite("what is tried out of an S3 bucket, and who is let in")
struct S3InspectionTests {
    private func send(_ bucket: TestS3, _ method: String, _ query: String, _ body: String = "", acl: String? = nil)
        async throws
    {
        var request = S3Request(method, nil)
        request.query = [(query, "")]
        if let acl { request.headers = [("x-amz-acl", acl)] }
        let document = S3Document(body)
        request.body = document.body
        request.payloadHash = document.hash
        _ = try await bucket.store.sender.head(request)
    }

    private func finding(_ name: String, _ findings: [StoreFinding]) throws -> StoreFinding {
        try #require(findings.first { $0.name == name })
    }

    @Test("a bucket that is well passes, and nothing of the trials stays in it")
    func well() async throws {
        let bucket = try await TestS3.make()
        let findings = await bucket.store.inspect()
        #expect(findings.count == 6)
        for finding in findings { #expect(finding.isGood, "\(finding)") }
        // This is what Ceph 16 does.
        #expect(try finding("bucket conditional writes", findings).detail == "honoured")
        #expect(try finding("bucket conditional deletes", findings).detail.hasPrefix("not honoured"))
        #expect(try await bucket.store.keys() == [])
        #expect(try await bucket.store.unfinished(after: nil) == [])
    }

    @Test("a bucket that anybody may list is told")
    func open() async throws {
        let bucket = try await TestS3.make()
        try await send(bucket, "PUT", "acl", acl: "public-read")
        let privacy = try finding("bucket privacy", await bucket.store.inspect())
        #expect(!privacy.isGood && privacy.detail.contains("policies/bucket/s3.json"), "\(privacy)")
    }

    @Test("a clock that is more than a minute off is told")
    func clock() async throws {
        let good = try await TestS3.make()
        let configuration = good.store.configuration
        let bucket = try TestS3(
            bucket: configuration.bucket, endpoint: configuration.endpoint, clock: SkewedClock(seconds: 90))
        let clock = try finding("bucket clock", await bucket.store.inspect())
        #expect(!clock.isGood && clock.detail.contains("NTP"), "\(clock)")
    }

    @Test(
        "a permission that is missing is told by its name",
        arguments: [
            ("PUT /", "s3:PutObject"), ("DELETE /", "s3:DeleteObject"),
            ("max-uploads=1&", "s3:ListBucketMultipartUploads"),
            ("POST /", "upload in parts"),
        ])
    func permissions(_ request: String, _ told: String) async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        proxy.answer(matching: request, with: .s3Error(403, "AccessDenied"))
        let permissions = try finding("bucket permissions", await bucket.store.inspect())
        #expect(!permissions.isGood && permissions.detail.contains(told), "\(permissions)")
    }

    @Test("a service that passes over conditions is found out, and looked at before each write instead")
    func unconditional() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        proxy.answer(matching: "PUT /\(bucket.store.configuration.bucket)/.custode/probes/", with: CannedResponse(200))
        proxy.answer(
            matching: "DELETE /\(bucket.store.configuration.bucket)/.custode/probes/", with: CannedResponse(204))
        #expect(try await bucket.store.conditionalWriting.isHonoured(by: bucket.store) == false)
        _ = try await bucket.store.put([[1]], as: key("1"))
        proxy.forgetRequests()
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: 1)
        try await upload.write(ByteBuffer(bytes: [2]))
        _ = try await upload.seal()
        await #expect(throws: BlobStoreError.keyTaken) { try await upload.publish(as: key("1")) }
        #expect(proxy.count(matching: "PUT /") == 0, "it did not come to a write")
    }

    @Test(
        "an endpoint is taken with its port and its path, and an address of IPv6 in brackets",
        arguments: [
            ("http://127.0.0.1:9000", "127.0.0.1:9000", "http://127.0.0.1:9000/b/k"),
            ("http://[::1]:9000", "[::1]:9000", "http://[::1]:9000/b/k"),
            ("https://h.example:443/storage/v1/s3/", "h.example", "https://h.example/storage/v1/s3/b/k"),
        ])
    func endpoints(_ endpoint: String, _ host: String, _ url: String) throws {
        let configuration = S3Configuration(
            bucket: "b", endpoint: endpoint, accessKey: "", secretKey: "", spoolDirectory: "")
        let address = try #require(S3Address(configuration))
        #expect(address.host == host)
        #expect(address.url(path: address.path("k"), query: "") == url)
    }

    @Test("what a process that died while it tried something out left is removed, when it is old")
    func litter() async throws {
        let bucket = try await TestS3.make()
        try await bucket.write("", to: ".custode/probes/old")
        try await bucket.write("x", to: ".custode/probe")
        let now = try await bucket.store.clock()
        await bucket.store.removeProbes(before: now + .seconds(-3_600))
        #expect(try await bucket.store.keys() == bytes([".custode/probe", ".custode/probes/old"]))
        await bucket.store.removeProbes(before: now + .seconds(3_600))
        #expect(try await bucket.store.keys() == bytes([".custode/probe"]))
    }

    @Test("with the policy of policies/bucket/s3.json nobody but the service gets in, whatever an ACL says")
    func policy() async throws {
        let bucket = try await TestS3.make()
        let name = bucket.store.configuration.bucket
        _ = try await bucket.store.put([[1, 2, 3]], as: key("1"))
        try await send(bucket, "PUT", "acl", acl: "public-read-write")
        let other = try TestS3(
            bucket: name, endpoint: bucket.store.configuration.endpoint, user: PrivateRGW.other)
        #expect(try await other.store.keys().count == 1, "before, another user is let in by the ACL")
        let text = try String(contentsOfFile: Checkout.root + "/policies/bucket/s3.json", encoding: .utf8)
        #expect(text.contains("BUCKET") && text.contains("PRINCIPAL"))
        try await send(
            bucket, "PUT", "policy",
            text.replacing("BUCKET", with: name).replacing("PRINCIPAL", with: "arn:aws:iam:::user/custode"))
        let key = try key("1").text
        await #expect(throws: BlobStoreError.self) { try await other.store.keys() }
        await #expect(throws: BlobStoreError.self) { try await other.store.open(key, reading: .whole) }
        await #expect(throws: S3Error.self) { try await other.write("x", to: "users/x") }
        await #expect(throws: S3Error.self) { try await other.store.sender.head(S3Request("DELETE", key)) }
        #expect(try await bucket.store.client.anonymousStatus(nil) == 403)
        // The service goes on with all it does.
        for finding in await bucket.store.inspect() { #expect(finding.isGood, "\(finding)") }
        _ = try await bucket.store.put(S3UploadTests.pieces(S3UploadTests.noise(9 * 1_024 * 1_024)), as: self.key("2"))
        let wish = try await bucket.store.wish(key, to: ".trash/" + key)
        #expect(await bucket.store.move([wish]) == [.moved])
        #expect(await bucket.store.remove([".trash/" + key]) == [nil])
    }

    private func key(_ job: String) throws -> ObjectKey {
        try ObjectKey(
            user: #require(UserID("alice")), job: #require(JobID(job)), object: #require(ObjectName("transcript")),
            extension: "txt")
    }
}
