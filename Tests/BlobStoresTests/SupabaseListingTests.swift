import CustodeCore
import CustodeTesting
import Testing

@testable import BlobStores

@Suite("listing and removing in a Supabase bucket when things go wrong")
struct SupabaseListingTests {
    private static let list = "POST /storage/v1/object/list-v2"
    private static let removal = "DELETE /storage/v1/object"

    private func bucket(objects: Int, page: Int = 1_000) async throws -> (TestSupabase, FaultProxy, SupabaseStandIn) {
        var configuration = SupabaseStandIn.Configuration()
        configuration.largestPage = page
        let (bucket, proxy) = try await TestSupabase.proxied(configuration)
        let service = try #require(bucket.service)
        for number in 0..<objects { service.put("users/\(10_000 + number)", [1], in: TestSupabase.bucket) }
        return (bucket, proxy, service)
    }

    @Test("a listing is whole, whatever the size of the service's pages", arguments: [1, 7, 100, 1_000])
    func whole(_ page: Int) async throws {
        let (bucket, proxy, service) = try await bucket(objects: 100, page: page)
        let names = service.objects(in: TestSupabase.bucket).map(\.name)
        #expect(try await bucket.store.keys() == bytes(names))
        #expect(proxy.count(matching: Self.list) == (100 + page - 1) / page)
        let facts = try await bucket.store.pages().flatMap(\.blobs).map(\.facts)
        #expect(try await bucket.store.facts(of: names) == facts)
    }

    @Test("a second page that is broken, short, refused or of another kind is an error, never the end of the listing")
    func pages() async throws {
        let (bucket, proxy, _) = try await bucket(objects: 150, page: 100)
        let spoil: [(FaultProxy) -> Void] = [
            { $0.rewrite(matching: Self.list, by: .cut(afterBodyBytes: 2_000), skipping: 1, times: .max) },
            { $0.rewrite(matching: Self.list, by: ResponseRewrite { String($0.dropLast(200)) }, skipping: 1) },
            { $0.rewrite(matching: Self.list, by: .text("<html>busy</html>"), skipping: 1) },
            { $0.rewrite(matching: Self.list, by: .text(""), skipping: 1) },
            { $0.rewrite(matching: Self.list, by: .text("{}"), skipping: 1) },
            { $0.rewrite(matching: Self.list, by: .text("[]"), skipping: 1) },
            { $0.rewrite(matching: Self.list, by: .replacing("\"size\"", with: "\"sise\""), skipping: 1) },
            { $0.rewrite(matching: Self.list, by: .replacing("\"size\":", with: "\"size\":-"), skipping: 1) },
            { $0.rewrite(matching: Self.list, by: .replacing("\"hasNext\"", with: "\"more\""), skipping: 1) },
            { $0.rewrite(matching: Self.list, by: .replacing("\"nextCursor\"", with: "\"x\"")) },
            { $0.answer(matching: Self.list, with: .supabase(400, "403", "AccessDenied"), skipping: 1) },
            { $0.answer(matching: Self.list, with: .supabase(400, "503", "LockTimeout"), skipping: 1) },
            { $0.answer(matching: Self.list, with: .supabase(400, "404", "NoSuchKey"), skipping: 1) },
            { $0.answer(matching: Self.list, with: .page(402), skipping: 1) },
        ]
        for (number, fault) in spoil.enumerated() {
            fault(proxy)
            await #expect(throws: BlobStoreError.self, "\(number)") { try await bucket.store.keys() }
            try proxy.clear()
        }
        #expect(try await bucket.store.keys().count == 150)
    }

    private static func page(_ cursor: String?, _ keys: [String]) -> CannedResponse {
        let entries = keys.map {
            "{\"name\":\"\($0)\",\"updated_at\":\"2026-01-01T00:00:00.000Z\",\"metadata\":{\"eTag\":\"0\",\"size\":1}}"
        }
        let next = cursor.map { "\"nextCursor\":\"\($0)\"," } ?? ""
        return CannedResponse(
            200,
            body: "{\"hasNext\":\(cursor != nil),\(next)\"folders\":[],\"objects\":[\(entries.joined(separator: ","))]}"
        )
    }

    @Test("a listing that tells the same page again, or goes back, is an error, and nothing follows it")
    func standsStill() async throws {
        let (bucket, proxy, _) = try await bucket(objects: 0)
        for (cursor, keys) in [("a", []), ("a", ["a", "a"]), ("b", ["b", "a"]), ("c", ["a"])] as [(String, [String])] {
            proxy.answer(matching: Self.list, with: Self.page(cursor, keys))
            let listing = bucket.store.list(ListingScope())
            await #expect(throws: BlobStoreError.self) { while try await listing.next() != nil {} }
            #expect(try await listing.next() == nil)
            try proxy.clear()
        }
    }

    @Test("what lies outside a prefix is not told, whatever the service takes the prefix for")
    func prefix() async throws {
        let (bucket, proxy, _) = try await bucket(objects: 0)
        // As one does whose pattern takes an underscore for any character.
        proxy.answer(matching: Self.list, with: Self.page(nil, ["users/a_b/1", "users/axb/1"]))
        #expect(try await bucket.store.keys(ListingScope(prefix: "users/a_b/")) == bytes(["users/a_b/1"]))
    }

    @Test("what passes on its own is tried again, and the listing is whole")
    func passing() async throws {
        let (bucket, proxy, _) = try await bucket(objects: 150, page: 100)
        proxy.answer(matching: Self.list, with: .supabase(400, "503", "LockTimeout"), skipping: 1, times: 2)
        #expect(try await bucket.store.keys().count == 150)
    }

    @Test("moves and removals that may not go on fail untouched")
    func lease() async throws {
        let (bucket, proxy, service) = try await bucket(objects: 0)
        service.put(".trash/b", [1], in: TestSupabase.bucket)
        #expect(await bucket.store.remove([".trash/b"], while: { false }) == [.cancelled])
        // Nor is what failed in passing tried again then.
        proxy.answer(matching: Self.removal, with: .supabase(429, "429", "SlowDown"))
        let failures = await bucket.store.remove([".trash/b"]) { proxy.count(matching: Self.removal) == 0 }
        #expect(failures[0] != nil && proxy.count(matching: Self.removal) == 1)
        #expect(service.objects(in: TestSupabase.bucket).count == 1)
    }

    @Test("nothing outside quarantine is removed")
    func outside() async throws {
        let (bucket, proxy, _) = try await bucket(objects: 1)
        for keys in [["users/10000"], [".trash/a", "users/10000"], [".trash"], [""]] {
            #expect(await bucket.store.remove(keys).allSatisfy { $0 != nil })
        }
        #expect(await bucket.store.removeStaged(["users/10000"]).allSatisfy { $0 != nil })
        #expect(proxy.count(matching: Self.removal) == 0)
    }

    @Test("only what is gone is told as removed: what the service passed over in silence is looked at")
    func silent() async throws {
        let (bucket, proxy, service) = try await bucket(objects: 0)
        let keys = [".trash/a", ".trash/b b&c", ".trash/none"]
        for key in keys.dropLast() { service.put(key, [1], in: TestSupabase.bucket) }
        service.losesDeletes = true
        let failures = await bucket.store.remove(keys)
        #expect(failures[0] != nil && failures[1] != nil && failures[2] == nil)
        service.losesDeletes = false
        proxy.rewrite(matching: Self.removal, by: .text("<html></html>"))
        #expect(await bucket.store.remove(keys).allSatisfy { $0 != nil })
        proxy.loseReply(matching: Self.removal)
        #expect(await bucket.store.remove(keys) == [nil, nil, nil])
        service.quotaExceeded = .html
        #expect(await bucket.store.remove(keys) == [.noRoom, .noRoom, .noRoom])
    }

    @Test("many are removed in requests that the service takes")
    func many() async throws {
        var configuration = SupabaseStandIn.Configuration()
        configuration.largestDelete = 250
        let bucket = try await TestSupabase.make(configuration)
        let service = try #require(bucket.service)
        let keys = (0..<600).map { ".trash/\(10_000 + $0)" }
        for key in keys { service.put(key, [1], in: TestSupabase.bucket) }
        #expect(await bucket.store.remove(keys).allSatisfy { $0 == nil })
        #expect(service.objects(in: TestSupabase.bucket).isEmpty)
        #expect(service.count(matching: Self.removal) == 3)
    }
}
