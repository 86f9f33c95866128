import CustodeCore
import CustodeTesting
import NIOCore
import Testing

@testable import BlobStores

@Suite("moves, removals and listings of Supabase Storage when things go wrong", .timeLimit(.minutes(2)))
struct SupabaseMoveTests {
    private static let from = "users/u/jobs/j/output/transcript.txt"
    private static let to = ".trash/2026-11-26/run/" + from
    private static let busy = CannedResponse(503, headers: [:], body: "no")

    private func planted(_ proxied: Bool = true) async throws -> (TestSupabase, FaultProxy, BlobMove) {
        let (bucket, proxy) = try await TestSupabase.proxied()
        try await bucket.write("what is moved", to: Self.from)
        return (bucket, proxy, try await bucket.store.wish(Self.from, to: Self.to))
    }

    private func names(_ bucket: TestSupabase) -> [String] {
        bucket.service?.objects(in: TestSupabase.bucket).map(\.name) ?? []
    }

    @Test("a move whose reply is lost, or that is refused in passing, is made once", arguments: [0, 1, 2, 3])
    func lost(_ kind: Int) async throws {
        let (bucket, proxy, move) = try await planted()
        let part = "POST /storage/v1/object/move"
        switch kind {
        case 0: proxy.loseReply(matching: part)
        case 1: proxy.loseReply(matching: part, .reset)
        case 2: bucket.service?.lockTimeout(matching: part)
        default: proxy.answer(matching: part, with: Self.busy, times: 1)
        }
        #expect(await bucket.store.move([move]) == [.moved])
        #expect(names(bucket) == [Self.to])
        #expect(await bucket.store.move([move]) == [.moved], "again")
    }

    @Test("a move that cannot be made leaves the object where it was, and says so")
    func lasting() async throws {
        let (bucket, proxy, move) = try await planted()
        proxy.answer(matching: "POST /storage/v1/object/move", with: Self.busy)
        guard case .failed(.unavailable)? = await bucket.store.move([move]).first else {
            Issue.record("moved")
            return
        }
        #expect(names(bucket) == [Self.from])
    }

    @Test("what changed since it was seen, or whose place is taken, is not moved")
    func changed() async throws {
        let (bucket, _, move) = try await planted()
        try await bucket.write("something else", to: Self.from)
        #expect(await bucket.store.move([move]) == [.changed])
        let second = try await bucket.store.wish(Self.from, to: Self.to)
        try await bucket.write("taken", to: Self.to)
        #expect(await bucket.store.move([second]) == [.changed])
        #expect(bucket.service?.bytes(of: Self.from, in: TestSupabase.bucket) == Array("something else".utf8))
        #expect(bucket.service?.bytes(of: Self.to, in: TestSupabase.bucket) == Array("taken".utf8))
        #expect(await bucket.store.move([BlobMove(from: "users/none", to: "x", expected: move.expected)]) == [.absent])
    }

    @Test(
        "an object that is larger than the service copies is copied through this process, and again where that broke off"
    )
    func streamed() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let service = try #require(bucket.service)
        let bytes = Sample.noise(13_000_000)
        service.put(Self.from, bytes, in: TestSupabase.bucket, contentType: "audio/wav")
        let move = try await bucket.store.wish(Self.from, to: Self.to)
        let mover = SupabaseMove(store: bucket.store, move: move, mayGoOn: { true }, largestCopy: 1_000_000)
        proxy.answer(matching: "DELETE /storage/v1/object/", with: Self.busy, times: 4)
        guard case .failed = await mover.run() else {
            Issue.record("moved")
            return
        }
        #expect(names(bucket).sorted() == [Self.to, Self.from], "in both places rather than in none")
        #expect(await mover.run() == .moved)
        #expect(names(bucket) == [Self.to])
        let copied = try #require(service.bytes(of: Self.to, in: TestSupabase.bucket))
        #expect(Sample.firstDifference(copied, bytes) == nil)
        #expect(service.objects(in: TestSupabase.bucket).first?.contentType == "audio/wav")
        #expect(await mover.run() == .moved)
        // A claim that is lost in the middle leaves the source alone.
        service.put(Self.from, bytes, in: TestSupabase.bucket)
        let late = try await bucket.store.wish(Self.from, to: Self.to + "2")
        let stopped = SupabaseMove(
            store: bucket.store, move: late, mayGoOn: { service.openUploads.isEmpty }, largestCopy: 1_000_000)
        #expect(await stopped.run() == .failed(.cancelled))
        #expect(names(bucket).sorted() == [Self.to, Self.from] && service.openUploads.isEmpty)
    }

    @Test("a route or a bucket that is not there is never an object that is not")
    func absence() async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        try await bucket.write("x", to: Self.from)
        for store in [
            try TestSupabase(service, key: service.serviceKey, bucket: "there-is-none"),
            try TestSupabase(service, key: service.serviceKey, url: service.url + "/elsewhere"),
            try TestSupabase(service, key: service.anonKey), try TestSupabase(service, key: "sb_secret_wrong"),
        ] {
            await #expect(throws: BlobStoreError.self) { try await store.store.facts(of: [Self.from]) }
            #expect(await store.store.refusal(Self.from) != .absent)
            #expect(await store.store.refusal("users/none") != .absent)
            await #expect(throws: BlobStoreError.self) { try await store.store.marker() }
            await #expect(throws: BlobStoreError.self) { try await store.store.clock() }
            let listing = store.store.list(ListingScope())
            await #expect(throws: BlobStoreError.self) { try await listing.next() }
            #expect(try await listing.next() == nil, "nothing follows a page that is missing")
        }
        service.loseBytes(of: Self.from, in: TestSupabase.bucket)
        #expect(await bucket.store.refusal(Self.from) != nil)
    }

    @Test("what is removed is what the service names, or what is not there; the rest is told as failed")
    func removal() async throws {
        let bucket = try await TestSupabase.make()
        let keys = (0..<600).map { ".trash/2026-11-26/run/\($0)" }
        for key in keys.prefix(20) { try await bucket.write("x", to: key) }
        #expect(await bucket.store.remove(keys).allSatisfy { $0 == nil })
        #expect(names(bucket).isEmpty)
        #expect(bucket.service?.count(matching: "DELETE /storage/v1/object/recordings") == 3)
        for key in keys.prefix(2) { try await bucket.write("x", to: key) }
        bucket.service?.losesDeletes = true
        let told = await bucket.store.remove(Array(keys.prefix(3)))
        #expect(told[0] != nil && told[1] != nil && told[2] == nil, "\(told)")
        #expect(await bucket.store.remove([Self.from]).first != nil, "not what lies outside of quarantine")
        bucket.service?.losesDeletes = false
        bucket.service?.quotaExceeded = .json
        #expect(await bucket.store.remove(Array(keys.prefix(2))) == [.noRoom, .noRoom])
    }

    @Test("a listing goes on page by page; one that repeats, stands still, is out of order or half is an error")
    func listing() async throws {
        var configuration = SupabaseStandIn.Configuration()
        configuration.largestPage = 3
        let (bucket, proxy) = try await TestSupabase.proxied(configuration)
        let keys = (0..<10).map { "users/\($0)" }
        for key in keys { try await bucket.write(key, to: key) }
        try await bucket.write("x", to: ".trash/x")
        #expect(try await bucket.store.keys(ListingScope(excluding: [".trash/"])) == bytes(keys))
        #expect(try await bucket.store.keys(ListingScope(prefix: "users/1")) == bytes(["users/1"]))
        let part = "POST /storage/v1/object/list-v2"
        let entry =
            #"{"name":"NAME","id":"1","updated_at":"2026-11-25T03:00:00Z","created_at":"2026-11-25T03:00:00Z","metadata":{"eTag":"\"e\"","size":1}}"#
        let good = entry.replacing("NAME", with: "users/0")
        for body in [
            #"{"hasNext":true,"nextCursor":"same","folders":[],"objects":[]}"#,
            #"{"hasNext":true,"folders":[],"objects":["# + good + "]}",
            #"{"hasNext":false,"folders":[],"objects":["# + good + "," + good + "]}",
            #"{"hasNext":false,"folders":[],"objects":["# + entry.replacing("NAME", with: "z") + "," + good + "]}",
            #"{"hasNext":false,"folders":[],"objects":["# + good.replacing(#""size":1"#, with: #""x":1"#) + "]}",
            #"{"hasNext":false,"folders":[],"obj"#, "<html>", "", "[]",
        ] {
            proxy.answer(
                matching: part, with: CannedResponse(200, headers: ["Content-Type": "application/json"], body: body))
            await #expect(throws: BlobStoreError.self, "\(body)") { try await bucket.store.pages() }
            try proxy.clear()
        }
        proxy.answer(matching: part, with: Self.busy, times: 1)
        #expect(try await bucket.store.keys().count == 11, "what passes is tried again")
    }
}
