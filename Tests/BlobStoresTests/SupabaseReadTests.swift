import CustodeCore
import CustodeTesting
import NIOCore
import Testing

@testable import BlobStores

@Suite("reading from a Supabase bucket")
struct SupabaseReadTests {
    private static let bytes = Sample.noise(3_000_000)
    private static let get = "GET /storage/v1/object/authenticated"

    private func stored() async throws -> (TestSupabase, FaultProxy, String) {
        let (bucket, proxy) = try await TestSupabase.proxied()
        _ = try await bucket.store.put(S3UploadTests.pieces(Self.bytes), as: key("1"))
        proxy.forgetRequests()
        return (bucket, proxy, try key("1").text)
    }

    @Test("a download takes one request, of the whole or of a range")
    func one() async throws {
        let (bucket, proxy, key) = try await stored()
        #expect(Sample.firstDifference(try await bucket.store.bytes(key), Self.bytes) == nil)
        let range = ByteRange(first: 1_000, last: 2_000_000)
        let blob = try await bucket.store.open(key, reading: .part(range))
        #expect(blob.size == Int64(Self.bytes.count))
        #expect(Sample.firstDifference(try await blob.bytes(range), Array(Self.bytes[1_000...2_000_000])) == nil)
        #expect(proxy.requestLines.count == 2)
    }

    @Test(
        "what a connection broke off is taken up again where it ended", arguments: [ProxyFault.Ending.finish, .reset])
    func resumed(_ ending: ProxyFault.Ending) async throws {
        let (bucket, proxy, key) = try await stored()
        proxy.set(.cut(afterBytes: 500_000, .toClient, ending), times: 3)
        let blob = try await bucket.store.open(key, reading: .whole)
        let read = try await blob.bytes(ByteRange(first: 0, last: blob.size - 1))
        #expect(Sample.firstDifference(read, Self.bytes) == nil)
        #expect(proxy.count(matching: "GET ") == 4)
    }

    @Test("an object that is written anew while it is read is an error, never a mixture")
    func changed() async throws {
        let (bucket, proxy, key) = try await stored()
        let service = try #require(bucket.service)
        let blob = try await bucket.store.open(key, reading: nil)
        service.put(key, Sample.noise(Self.bytes.count, seed: 2), in: TestSupabase.bucket)
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(ByteRange(first: 5, last: 100)) }
        proxy.set(.cut(afterBytes: 100_000, .toClient, .reset), times: 1)
        await #expect(throws: BlobStoreError.self) {
            let other = try await bucket.store.open(key, reading: .whole)
            service.put(key, Sample.noise(Self.bytes.count, seed: 3), in: TestSupabase.bucket)
            _ = try await other.bytes(ByteRange(first: 0, last: other.size - 1))
        }
    }

    @Test("a connection that breaks time and again fails the read in the end")
    func broken() async throws {
        let (bucket, proxy, key) = try await stored()
        let blob = try await bucket.store.open(key, reading: nil)
        proxy.set(.cut(afterBytes: 20_000, .toClient, .reset))
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(ByteRange(first: 0, last: blob.size - 1)) }
    }

    @Test("an edge that does not tell how large an object is is no fault of the object")
    func unmeasured() async throws {
        let (bucket, proxy, key) = try await stored()
        proxy.answer(
            matching: Self.get,
            with: CannedResponse(206, headers: ["ETag": "\"x\"", "Content-Range": "bytes 4-7/*"], body: "abcd"),
            times: 1)
        let range = ByteRange(first: 4, last: 7)
        let blob = try await bucket.store.open(key, reading: .part(range))
        #expect(blob.size == Int64(Self.bytes.count))
        #expect(try await blob.bytes(range) == Array(Self.bytes[4...7]))
    }

    @Test("a part other than the one that was asked for is never taken for it")
    func otherPart() async throws {
        let (bucket, proxy, key) = try await stored()
        let blob = try await bucket.store.open(key, reading: nil)
        let etag = try #require(bucket.service?.objects(in: TestSupabase.bucket).first?.etag)
        proxy.answer(
            matching: Self.get,
            with: CannedResponse(
                206, headers: ["ETag": etag, "Content-Range": "bytes 0-3/\(Self.bytes.count)"], body: "abcd"))
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(ByteRange(first: 4, last: 7)) }
        await #expect(throws: BlobStoreError.self) {
            let range = ByteRange(first: 4, last: 7)
            _ = try await bucket.store.open(key, reading: .part(range)).bytes(range)
        }
    }

    @Test("a range beyond an object means that it is not the one that was meant")
    func beyond() async throws {
        let (bucket, _, _) = try await stored()
        try await bucket.write("short", to: "users/short")
        await #expect(throws: BlobStoreError.absent) {
            try await bucket.store.open("users/short", reading: .part(ByteRange(first: 100, last: 200)))
        }
    }

    @Test("an object whose bytes the service lost is a failure, never one that was never there")
    func lost() async throws {
        let (bucket, _, key) = try await stored()
        let service = try #require(bucket.service)
        service.loseBytes(of: key, in: TestSupabase.bucket)
        for plan in [RangePlan.whole, .part(ByteRange(first: 0, last: 1))] {
            let error = await #expect(throws: BlobStoreError.self) { try await bucket.store.open(key, reading: plan) }
            #expect(error != .absent)
        }
        try await bucket.store.setMarker([1])
        service.loseBytes(of: ".custode/identity.json", in: TestSupabase.bucket)
        await #expect(throws: BlobStoreError.self) { try await bucket.store.marker() }
    }

    @Test("a bucket that is not there is never taken for an object that is not", arguments: [false, true])
    func noBucket(_ omitsCode: Bool) async throws {
        var configuration = SupabaseStandIn.Configuration()
        configuration.omitsCode = omitsCode
        let service = try await SupabaseStandIn.start(configuration)
        let bucket = try TestSupabase(service, key: service.serviceKey, bucket: "none")
        let (store, name) = (bucket.store, try key("1").text)
        let expected = BlobStoreError.unavailable(
            "there is no bucket none at \(service.url); run custode serve, which makes it, or correct CUSTODE_BUCKET")
        for plan in [nil, RangePlan.whole, .part(ByteRange(first: 0, last: 1))] {
            await #expect(throws: expected) { try await store.open(name, reading: plan) }
        }
        await #expect(throws: expected) { try await store.facts(of: [name]) }
        await #expect(throws: expected) { try await store.marker() }
        await #expect(throws: expected) { try await store.probe() }
        let facts = BlobFacts(etag: "0", size: 1, modified: Timestamp(seconds: 0))
        let outcomes = await store.move([BlobMove(from: name, to: ".trash/" + name, expected: facts)])
        #expect(outcomes == [.failed(expected)])
        #expect(await store.remove([".trash/a"]) == [expected])
        await #expect(throws: expected) {
            try await store.presign(name, Self.fields(saveAs: nil), seconds: 60)
        }
        // Here the service itself says no more than that there is nothing.
        await #expect(throws: expected) { try await store.keys() }
    }

    @Test("keys that do not count are told in one sentence, which says what to correct")
    func identity() async throws {
        let good = try await TestSupabase.make()
        let service = try #require(good.service)
        for secret in [service.anonKey, service.expiredKey, "sb_secret_other", "nonsense"] {
            let bucket = try TestSupabase(service, key: secret)
            for isUpload in [false, true] {
                let error = await #expect(throws: BlobStoreError.self) {
                    if isUpload {
                        _ = try await bucket.store.put([[1]], as: key("1"))
                    } else {
                        _ = try await bucket.store.open(key("1").text, reading: .whole)
                    }
                }
                guard case .unavailable(let text)? = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(text.contains("CUSTODE_"), "\(text)")
                #expect(!text.contains(secret))
            }
        }
    }

    private static let strange = "users/a b/c&d+e?f=g,h@i;j:k$l'm(n)o!*p"

    @Test("keys with every character that the service takes are written, read, moved, listed and removed")
    func strangeKeys() async throws {
        let bucket = try await TestSupabase.make()
        let others = ["users/a b/c&d+e", "users/a", "users/a b/c&d+e?f"]
        for key in [Self.strange] + others { try await bucket.write(key, to: key) }
        #expect(try await bucket.store.bytes(Self.strange) == Array(Self.strange.utf8))
        let wish = try await bucket.store.wish(Self.strange, to: ".trash/" + Self.strange)
        #expect(await bucket.store.move([wish]) == [.moved])
        #expect(try await bucket.store.keys(ListingScope(prefix: ".trash/")) == keyBytes([".trash/" + Self.strange]))
        #expect(await bucket.store.remove([".trash/" + Self.strange]) == [nil])
        for key in others { #expect(try await bucket.store.bytes(key) == Array(key.utf8)) }
        // Keys that the service takes from nobody are nobody's.
        for key in ["users/100%", "users/#1", "users/caf\u{E9}"] {
            #expect(await bucket.store.refusal(key) == .absent)
            #expect(try await bucket.store.facts(of: [key]) == [nil])
        }
    }

    @Test(
        "a key whose dots a gateway takes for steps reaches nothing, in this bucket or in another",
        arguments: ["users/a/../b", "../other/b", "..", "users/./b", "users/b/.", "users/b/.."])
    func steps(_ key: String) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        try await bucket.write("another's", to: "users/b")
        service.put(key, [1], in: TestSupabase.bucket)
        service.forgetRequests()
        for plan in [nil, RangePlan.whole, .part(ByteRange(first: 0, last: 1))] {
            await #expect(throws: BlobStoreError.absent) { try await bucket.store.open(key, reading: plan) }
        }
        #expect(try await bucket.store.facts(of: [key]) == [nil])
        await #expect(throws: BlobStoreError.absent) {
            try await bucket.store.presign(key, Self.fields(saveAs: nil), seconds: 60)
        }
        await #expect(throws: BlobStoreError.self) { try await bucket.write("x", to: key) }
        #expect(service.count(matching: "/.") == 0)
        // Dots within a name are none.
        try await bucket.write("its text", to: "users/.a..b/...")
        #expect(try await bucket.store.bytes("users/.a..b/...") == Array("its text".utf8))
    }

    private static func fields(saveAs: String?) -> PresignedFields {
        PresignedFields(
            contentType: "audio/wav", contentDisposition: "inline", cacheControl: "private, no-store", saveAs: saveAs)
    }

    private func fetch(_ url: String) async throws -> String {
        try await Command.succeed("/usr/bin/curl", ["-sS", "-g", "-i", url])
    }

    @Test(
        "a presigned URL gives the one object to whoever has it, for any key, until its time is over",
        arguments: [strange, "users/plain"])
    func presigned(_ key: String) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        try await bucket.write("its text", to: key)
        try await bucket.write("another's", to: key + "x")
        try await bucket.write("another's", to: "users/a b/c&d+e")
        let url = try await bucket.store.presign(key, Self.fields(saveAs: nil), seconds: 60)
        #expect(url.hasPrefix(service.url + "/storage/v1/object/sign/"))
        #expect(!url.contains(" ") && url.filter { $0 == "?" }.count == 1)
        let reply = try await fetch(url)
        #expect(reply.hasPrefix("HTTP/1.1 200") && reply.hasSuffix("its text"), "\(reply)")
        #expect(reply.contains("text/plain") && !reply.contains("attachment"))
        let other = url.replacing("?token", with: "x?token")
        #expect(try await fetch(other).hasPrefix("HTTP/1.1 400"))
        service.clockSkew = .seconds(61)
        #expect(try await fetch(url).hasPrefix("HTTP/1.1 400"))
    }

    @Test("a file is saved by the name that was asked for, whatever is in it")
    func names() async throws {
        let bucket = try await TestSupabase.make()
        try await bucket.write("its text", to: "users/a")
        let url = try await bucket.store.presign(
            "users/a", Self.fields(saveAs: "a&b=c #1 100% \u{E9}\".txt"), seconds: 60)
        let reply = try await fetch(url)
        #expect(reply.contains("filename*=UTF-8''a%26b%3Dc%20%231%20100%25%20%C3%A9%22.txt"), "\(reply)")
    }

    @Test("nothing is signed for an object that is not there, and a failure is not taken for one")
    func unsigned() async throws {
        let (bucket, proxy, key) = try await stored()
        await #expect(throws: BlobStoreError.absent) {
            try await bucket.store.presign("users/none", Self.fields(saveAs: nil), seconds: 60)
        }
        proxy.answer(matching: "POST /storage/v1/object/sign", with: CannedResponse(200, body: "[]"))
        let error = await #expect(throws: BlobStoreError.self) {
            try await bucket.store.presign(key, Self.fields(saveAs: nil), seconds: 60)
        }
        #expect(error != .absent)
    }
}

/// The bytes of keys.
private func keyBytes(_ keys: [String]) -> [[UInt8]] { keys.map { Array($0.utf8) } }
