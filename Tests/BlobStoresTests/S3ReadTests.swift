import CustodeCore
import CustodeTesting
import Foundation
import NIOCore
import Testing

@testable import BlobStores

@Suite("reading from S3")
struct S3ReadTests {
    private static let bytes = S3UploadTests.noise(3_000_000)

    private func stored() async throws -> (TestS3, FaultProxy, String) {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        _ = try await bucket.store.put(S3UploadTests.pieces(Self.bytes), as: key("1"))
        proxy.forgetRequests()
        return (bucket, proxy, try key("1").text)
    }

    @Test("a download takes one request, of the whole or of a range")
    func one() async throws {
        let (bucket, proxy, key) = try await stored()
        #expect(try await bucket.store.bytes(key) == Self.bytes)
        let range = ByteRange(first: 1_000, last: 2_000_000)
        let blob = try await bucket.store.open(key, reading: .part(range))
        #expect(blob.size == Int64(Self.bytes.count))
        #expect(try await blob.bytes(range) == Array(Self.bytes[1_000...2_000_000]))
        #expect(proxy.requestLines.count == 2)
    }

    @Test(
        "what a connection broke off is taken up again where it ended", arguments: [ProxyFault.Ending.finish, .reset])
    func resumed(_ ending: ProxyFault.Ending) async throws {
        let (bucket, proxy, key) = try await stored()
        proxy.set(.cut(afterBytes: 500_000, .toClient, ending), times: 3)
        let blob = try await bucket.store.open(key, reading: .whole)
        #expect(try await blob.bytes(ByteRange(first: 0, last: blob.size - 1)) == Self.bytes)
        #expect(proxy.count(matching: "GET ") == 4)
    }

    @Test("an object that is written anew while it is read is an error, never a mixture")
    func changed() async throws {
        let (bucket, proxy, key) = try await stored()
        let blob = try await bucket.store.open(key, reading: .whole)
        try await bucket.write(String(repeating: "x", count: Self.bytes.count), to: key)
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(ByteRange(first: 5, last: 100)) }
        proxy.set(.cut(afterBytes: 100_000, .toClient, .reset), times: 1)
        // What was on its way is of the old writing, and what is taken up again of none.
        await #expect(throws: BlobStoreError.self) {
            let other = try await bucket.store.open(key, reading: .whole)
            try await bucket.write(String(repeating: "y", count: Self.bytes.count), to: key)
            _ = try await other.bytes(ByteRange(first: 0, last: other.size - 1))
        }
    }

    @Test("a part other than the one that was asked for is never taken for it")
    func otherPart() async throws {
        let (bucket, proxy, key) = try await stored()
        let blob = try await bucket.store.open(key, reading: nil)
        let head = try #require(try await bucket.store.find(key))
        proxy.answer(
            matching: "GET ",
            with: CannedResponse(
                206, headers: ["ETag": head.etag, "Content-Range": "bytes 0-3/\(Self.bytes.count)"], body: "abcd"))
        let range = ByteRange(first: 4, last: 7)
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(range) }
        await #expect(throws: BlobStoreError.self) {
            _ = try await bucket.store.open(key, reading: .part(range)).bytes(range)
        }
    }

    @Test("a connection that breaks time and again fails the read in the end")
    func broken() async throws {
        let (bucket, proxy, key) = try await stored()
        let blob = try await bucket.store.open(key, reading: nil)
        proxy.set(.cut(afterBytes: 20_000, .toClient, .reset))
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(ByteRange(first: 0, last: blob.size - 1)) }
    }

    @Test("a bucket that is not there is never taken for an object that is not")
    func noBucket() async throws {
        let gateway = try await PrivateRGW.shared()
        let bucket = try TestS3(bucket: PrivateRGW.newBucketName(), endpoint: gateway.endpoint)
        let (store, name) = (bucket.store, try key("1").text)
        for plan in [nil, RangePlan.whole, .part(ByteRange(first: 0, last: 1))] {
            await #expect(throws: Self.noBucket(bucket)) { try await store.open(name, reading: plan) }
        }
        await #expect(throws: Self.noBucket(bucket)) { try await store.facts(of: [name]) }
        await #expect(throws: Self.noBucket(bucket)) { try await store.marker() }
        await #expect(throws: Self.noBucket(bucket)) { try await store.probe() }
        await #expect(throws: Self.noBucket(bucket)) { try await store.keys() }
        let facts = BlobFacts(etag: "0", size: 1, modified: Timestamp(seconds: 0))
        let outcomes = await store.move([BlobMove(from: name, to: ".trash/" + name, expected: facts)])
        #expect(outcomes == [.failed(Self.noBucket(bucket))])
        #expect(await store.remove([".trash/a"]) == [Self.noBucket(bucket)])
    }

    private static func noBucket(_ bucket: TestS3) -> BlobStoreError {
        let configuration = bucket.store.configuration
        return .unavailable(
            "there is no bucket \(configuration.bucket) at \(configuration.endpoint); make it, or correct CUSTODE_BUCKET"
        )
    }

    @Test("keys that the service refuses are told in one sentence each, which says what to correct")
    func identity() async throws {
        let gateway = try await PrivateRGW.shared()
        let good = try await TestS3.make()
        let name = good.store.configuration.bucket
        let users = [
            (PrivateRGW.User(accessKey: "nobody", secretKey: "x"), "CUSTODE_S3_ACCESS_KEY"),
            (PrivateRGW.User(accessKey: "custodeaccess", secretKey: "wrong"), "CUSTODE_S3_SECRET_KEY"),
            (PrivateRGW.other, "policy"),
        ]
        for (user, hint) in users {
            let bucket = try TestS3(bucket: name, endpoint: gateway.endpoint, user: user)
            for isUpload in [false, true] {
                let error = await #expect(throws: BlobStoreError.self) {
                    if isUpload {
                        _ = try await bucket.store.put([[1]], as: key("1"))
                    } else {
                        try await bucket.store.probe()
                    }
                }
                guard case .unavailable(let text)? = error else { continue }
                #expect(text.contains(hint), "\(text)")
            }
        }
        for minutes in [-20.0, 20] {
            let bucket = try TestS3(bucket: name, endpoint: gateway.endpoint, clock: SkewedClock(seconds: minutes * 60))
            let error = await #expect(throws: BlobStoreError.self) { try await bucket.store.probe() }
            guard case .unavailable(let text)? = error else { continue }
            #expect(text.contains("NTP"), "\(text)")
        }
    }

    @Test("what services say of a wrong region is told, with the right one")
    func region() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        proxy.answer(
            matching: "GET ",
            with: CannedResponse(
                400,
                body: "<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message>"
                    + "<Region>eu-west-1</Region></Error>"), times: 1)
        let error = await #expect(throws: BlobStoreError.self) { try await bucket.store.probe() }
        guard case .unavailable(let text)? = error else { return }
        #expect(text.contains("us-east-1") && text.contains("eu-west-1") && text.contains("CUSTODE_BUCKET"), "\(text)")
    }

    @Test(
        "a presigned URL gives the object with the fields that were signed, to whoever has it, until its time is over")
    func presigned() async throws {
        let (bucket, _, key) = try await stored()
        let fields = PresignedFields(
            contentType: "text/plain; charset=utf-8", contentDisposition: "attachment; filename=\"a b.txt\"",
            cacheControl: "private, no-store", saveAs: nil)
        let url = try await bucket.store.presign(key, fields, seconds: 60)
        let reply = try await Command.succeed("/usr/bin/curl", ["-sS", "-D", "-", "-o", "/dev/null", url])
        #expect(reply.hasPrefix("HTTP/1.1 200"))
        #expect(reply.contains("text/plain; charset=utf-8") && reply.contains("attachment; filename=\"a b.txt\""))
        #expect(reply.contains("private, no-store"))
        let others = [
            url.replacing("attachment", with: "inline"), url.replacing("text%2Fplain", with: "text%2Fhtml"),
            url.replacing("X-Amz-Expires=60", with: "X-Amz-Expires=6000"), url.replacing(key, with: key + "x"),
        ]
        for other in others {
            #expect(other != url)
            #expect(
                try await Command.succeed("/usr/bin/curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", other])
                    == "403")
        }
        let late = try TestS3(
            bucket: bucket.store.configuration.bucket, endpoint: bucket.store.configuration.endpoint,
            clock: SkewedClock(seconds: -120))
        let old = try await late.store.presign(key, fields, seconds: 60)
        #expect(
            try await Command.succeed("/usr/bin/curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", old]) == "403")
    }
}

/// A clock that is wrong.
struct SkewedClock: WallClock {
    let seconds: Double

    func now() -> Timestamp { RealClock().now() + .seconds(seconds) }
}
