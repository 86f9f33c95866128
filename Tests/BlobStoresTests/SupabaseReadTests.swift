import CustodeCore
import CustodeTesting
import Foundation
import NIOCore
import Testing

@testable import BlobStores

@Suite("reading from Supabase Storage, and what is tried out of it", .timeLimit(.minutes(2)))
struct SupabaseReadTests {
    private static let key = "users/u/jobs/j/input/original.wav"
    private static let sound = Sample.noise(5_000_000)

    private func stored() async throws -> (TestSupabase, FaultProxy) {
        let (bucket, proxy) = try await TestSupabase.proxied()
        bucket.service?.put(Self.key, Self.sound, in: TestSupabase.bucket, contentType: "audio/wav")
        return (bucket, proxy)
    }

    @Test("a read that breaks off goes on where it was, with no byte lost and none doubled")
    func resumed() async throws {
        let (bucket, proxy) = try await stored()
        proxy.set(.cut(afterBytes: 1_000_000, .toClient, .reset), times: 2)
        let bytes = try await bucket.store.bytes(Self.key)
        #expect(Sample.firstDifference(bytes, Self.sound) == nil)
        #expect(proxy.count(matching: "GET /storage/v1/object/authenticated") >= 2)
    }

    @Test("an object that is written anew while it is read is never given as a mixture of both")
    func mixed() async throws {
        let (bucket, proxy) = try await stored()
        let blob = try await bucket.store.open(Self.key, reading: .whole)
        proxy.set(.cut(afterBytes: 1_000_000, .toClient, .reset), times: 1)
        bucket.service?.put(Self.key, Sample.noise(5_000_000, seed: 9), in: TestSupabase.bucket)
        await #expect(throws: BlobStoreError.self) {
            // The first bytes are of the old writing still; what is asked for anew is not.
            _ = try await blob.bytes(ByteRange(first: 0, last: 10))
            _ = try await blob.bytes(ByteRange(first: 2_000_000, last: 4_999_999))
        }
    }

    @Test("a service that gives the whole where a range was asked for is not believed")
    func rangeIgnored() async throws {
        let (bucket, proxy) = try await stored()
        let blob = try await bucket.store.open(Self.key, reading: nil)
        let tag = try #require(bucket.service?.objects(in: TestSupabase.bucket).first?.etag)
        proxy.answer(
            matching: "GET /storage/v1/object/authenticated",
            with: CannedResponse(200, headers: ["ETag": tag], body: "something"))
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(ByteRange(first: 10, last: 19)) }
    }

    @Test("a signed URL is the project's own address with whatever name, and opens that object alone")
    func signed() async throws {
        let (bucket, _) = try await stored()
        let service = try #require(bucket.service)
        let odd = "users/a b&c=d+e;@!$'()*,/x.txt"
        service.put(odd, Array("odd".utf8), in: TestSupabase.bucket, contentType: "text/plain")
        let fields = PresignedFields(
            contentType: "text/plain", contentDisposition: "attachment", cacheControl: "no-store",
            saveAs: "naïve & co?#%.txt")
        let url = try await bucket.store.presign(odd, fields, seconds: 60)
        #expect(url.hasPrefix(bucket.store.configuration.url + "/storage/v1/object/sign/recordings/"))
        let head = try await Command.succeed("/usr/bin/curl", ["-sS", "-D", "-", url])
        #expect(head.contains(" 200 ") && head.hasSuffix("odd"), "\(head)")
        #expect(head.contains("na%C3%AFve%20%26%20co%3F%23%25.txt"), "\(head)")
        await #expect(throws: BlobStoreError.absent) {
            try await bucket.store.presign("users/none", fields, seconds: 60)
        }
        service.isPaused = true
        await #expect(throws: BlobStoreError.self) { try await bucket.store.presign(odd, fields, seconds: 60) }
    }

    @Test("prepare makes the bucket, private, and once; of several at once each finds it made; a public one is unfit")
    func prepare() async throws {
        let service = try await SupabaseStandIn.start()
        let bucket = try TestSupabase(service, key: service.secretKey, bucket: "fresh")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<5 { group.addTask { try await bucket.store.prepare() } }
            try await group.waitForAll()
        }
        #expect(try await bucket.store.bucket().isPublic == false)
        let findings = await bucket.store.inspect()
        #expect(findings.count == 5 && findings.allSatisfy(\.isGood), "\(findings)")
        #expect(service.objects(in: "fresh").isEmpty)
        service.makeBucket("open", isPublic: true)
        let open = try TestSupabase(service, key: service.secretKey, bucket: "open")
        await #expect(throws: UnfitBucket.self) { try await open.store.prepare() }
        #expect(await open.store.inspect().contains { $0.name == "bucket privacy" && !$0.isGood })
        service.isPaused = true
        await #expect(throws: BlobStoreError.self) { try await open.store.prepare() }
    }

    @Test("a permission that is missing, or removals that are lost, are told by what cannot be done")
    func permissions() async throws {
        let (bucket, proxy) = try await stored()
        for (part, told) in [
            ("POST /storage/v1/object/recordings/", "cannot write"), ("/object/info/", "cannot read"),
            ("/object/list-v2/", "cannot list"), ("/object/move", "cannot move"),
            ("DELETE /storage/v1/object/", "cannot remove"),
        ] {
            proxy.answer(
                matching: part,
                with: CannedResponse(
                    400, headers: ["Content-Type": "application/json"],
                    body:
                        #"{"statusCode":"403","code":"AccessDenied","error":"Unauthorized","message":"row-level security"}"#
                ))
            let finding = await bucket.store.inspect().first { $0.name == "bucket permissions" }
            #expect(finding?.isGood == false && finding?.detail.contains(told) == true, "\(finding as Any)")
            try proxy.clear()
        }
        bucket.service?.losesDeletes = true
        let finding = await bucket.store.inspect().first { $0.name == "bucket permissions" }
        #expect(finding?.detail.contains("policies may be in the way") == true, "\(finding as Any)")
    }
}
