import BlobStores
import CustodeCore
import CustodeTesting
import Testing

/// A kind of store that must keep the promises of `CollectableStore`.
struct CollectableUnderTest: Sendable, CustomTestStringConvertible {
    /// An empty store, and a way to put objects there under any key, over what is there.
    struct Fixture: Sendable {
        let store: any CollectableStore
        let plant: @Sendable (_ text: String, _ key: String) async throws -> Void
        let keep: any Sendable
        /// Whether such a key can be there at all.
        var takes: @Sendable (String) -> Bool = { _ in true }
    }

    let name: String
    let make: @Sendable () async throws -> Fixture

    var testDescription: String { name }

    static let all = [
        CollectableUnderTest(name: "directory") {
            let bucket = try TestBucket()
            return Fixture(store: bucket.store, plant: { try bucket.write($0, to: $1) }, keep: bucket.folder)
        },
        CollectableUnderTest(name: "S3") {
            let bucket = try await TestS3.make()
            return Fixture(store: bucket.store, plant: { try await bucket.write($0, to: $1) }, keep: bucket)
        },
        CollectableUnderTest(name: "Supabase") {
            let bucket = try await TestSupabase.makeAnywhere()
            return Fixture(
                store: bucket.store, plant: { try await bucket.write($0, to: $1) }, keep: bucket,
                takes: TestSupabase.takes)
        },
    ]
}

extension CollectableStore {
    /// All pages of a listing.
    func pages(_ scope: ListingScope = ListingScope()) async throws -> [ListingPage] {
        let listing = list(scope)
        var pages: [ListingPage] = []
        while let page = try await listing.next() { pages.append(page) }
        return pages
    }

    /// The keys that a listing tells, by their bytes: strings that look the same are equal to Swift.
    func keys(_ scope: ListingScope = ListingScope()) async throws -> [[UInt8]] {
        try await pages(scope).flatMap { $0.blobs.map { Array($0.key.utf8) } }
    }

    /// The wish to move what is at a key now.
    func wish(_ from: String, to: String) async throws -> BlobMove {
        BlobMove(from: from, to: to, expected: try #require(try await facts(of: [from])[0]))
    }
}

func bytes(_ keys: [String]) -> [[UInt8]] { keys.map { Array($0.utf8) } }

@Suite("what every store promises to collection")
struct CollectableStoreConformance {
    @Test("objects are told once, in the order of their keys' bytes", arguments: CollectableUnderTest.all)
    func order(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        let keys = [
            "a-b", "a/b", "a/b-c/d", "a/b.c", "a.b", "a.b-", "aB", "ab", "a0", "a!/z", "A", "a /x", "z/z/z/z", "~",
            "caf\u{E9}", "cafe\u{301}", "cafe\u{301}-/x", "caf\u{E9}-/x",
        ].filter(fixture.takes)
        for key in keys.reversed() { try await fixture.plant(key, key) }
        #expect(try await fixture.store.keys() == bytes(keys).sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test("a listing of more objects than a page holds tells each once, in order", arguments: CollectableUnderTest.all)
    func pages(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        let keys = (0..<9_000).map { "users/\($0 % 7)/jobs/\($0)" }
        for key in keys { try await fixture.plant("", key) }
        #expect(try await fixture.store.pages().count > 1)
        #expect(try await fixture.store.keys() == bytes(keys).sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test("a listing covers what begins with its prefix, and nothing excluded", arguments: CollectableUnderTest.all)
    func scope(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        for key in [".custode/identity.json", ".trash/a/b", ".trashed", "users/al/x", "users/al-/y", "users/b/z"] {
            try await fixture.plant(key, key)
        }
        let own = [".trash/", ".custode/"]
        let store = fixture.store
        #expect(
            try await store.keys(ListingScope(excluding: own))
                == bytes([".trashed", "users/al-/y", "users/al/x", "users/b/z"]))
        #expect(try await store.keys(ListingScope(prefix: "users/al/")) == bytes(["users/al/x"]))
        #expect(
            try await store.keys(ListingScope(prefix: "users/", excluding: ["users/al/"]))
                == bytes(["users/al-/y", "users/b/z"]))
        #expect(try await store.keys(ListingScope(prefix: ".trash/")) == bytes([".trash/a/b"]))
        #expect(try await store.keys(ListingScope(prefix: "nobody/")) == [])
        #expect(try await store.keys(ListingScope(prefix: ".trash/a/", excluding: own)) == [])
    }

    @Test("a store that holds nothing lists nothing, however often it is asked", arguments: CollectableUnderTest.all)
    func empty(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        let listing = fixture.store.list(ListingScope())
        for _ in 0..<3 { #expect(try await listing.next() == nil) }
    }

    @Test("what a listing tells of an object is what is told when asked for it", arguments: CollectableUnderTest.all)
    func facts(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        let start = try await fixture.store.clock()
        try await fixture.plant("one", "a/1")
        try await fixture.plant("three", "a/3")
        let facts = try await fixture.store.facts(of: ["a/3", "a/2", "a/1", "a", "a/1/x", ""])
        #expect(facts.map { $0?.size } == [5, nil, 3, nil, nil, nil])
        #expect(try await fixture.store.pages().flatMap(\.blobs).map(\.facts) == [facts[2], facts[0]])
        let end = try await fixture.store.clock()
        // A store may tell whole seconds.
        let seconds = try #require(facts[0]).modified.seconds
        #expect((start.seconds - 1...end.seconds + 1).contains(seconds))
    }

    @Test("an object that is written again has another tag", arguments: CollectableUnderTest.all)
    func tags(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        try await fixture.plant("one", "a")
        try await fixture.plant("one", "b")
        let before = try await fixture.store.facts(of: ["a", "b"])
        try await fixture.plant("four", "a")
        let after = try await fixture.store.facts(of: ["a", "b"])
        #expect(before[0]?.etag != after[0]?.etag && before[1] == after[1])
    }

    @Test("an object that is what was expected is moved, byte for byte", arguments: CollectableUnderTest.all)
    func move(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        let store = fixture.store
        for number in 0..<3 { try await fixture.plant("text \(number)", "users/\(number)") }
        let moves = [
            try await store.wish("users/0", to: ".trash/d/r/users/0"),
            BlobMove(
                from: "users/9", to: ".trash/9", expected: try #require(try await store.facts(of: ["users/0"])[0])),
            try await store.wish("users/2", to: ".trash/d/r/users/2"),
        ]
        #expect(await store.move(moves) == [.moved, .absent, .moved])
        #expect(
            try await store.keys() == bytes([".trash/d/r/users/0", ".trash/d/r/users/2", "users/1"]))
        #expect(try await store.bytes(".trash/d/r/users/2") == Array("text 2".utf8))
    }

    @Test("an object that is not what was expected stays where it is", arguments: CollectableUnderTest.all)
    func unexpected(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        let store = fixture.store
        try await fixture.plant("one", "a")
        let facts = try #require(try await store.facts(of: ["a"])[0])
        for expected in [
            BlobFacts(etag: facts.etag + "0", size: facts.size, modified: facts.modified),
            BlobFacts(etag: facts.etag, size: facts.size + 1, modified: facts.modified),
        ] {
            #expect(await store.move([BlobMove(from: "a", to: ".trash/a", expected: expected)]) == [.changed])
        }
        #expect(try await store.keys() == bytes(["a"]))
        #expect(try await store.facts(of: ["a"]) == [facts])
    }

    @Test("nothing is moved over another, not even over its like", arguments: CollectableUnderTest.all)
    func taken(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        let store = fixture.store
        try await fixture.plant("one", "a")
        try await fixture.plant("two", ".trash/a")
        let before = try await store.pages()
        for renewsAge in [false, true] {
            var move = try await store.wish("a", to: ".trash/a")
            move.renewsAge = renewsAge
            #expect(await store.move([move]) == [.changed])
            #expect(try await store.pages() == before)
        }
        #expect(try await store.bytes(".trash/a") == Array("two".utf8))
    }

    @Test("a move that is repeated says again that it was made", arguments: CollectableUnderTest.all)
    func repeated(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        let store = fixture.store
        try await fixture.plant("one", "a")
        for (from, to, renewsAge) in [("a", ".trash/a", false), (".trash/a", "a", true)] {
            var move = try await store.wish(from, to: to)
            move.renewsAge = renewsAge
            for _ in 0..<2 { #expect(await store.move([move]) == [.moved]) }
            #expect(try await store.keys() == bytes([to]))
        }
    }

    @Test("what is at the new place without having been moved there is told", arguments: CollectableUnderTest.all)
    func other(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        try await fixture.plant("another", ".trash/a")
        var move = BlobMove(
            from: "a", to: ".trash/a", expected: BlobFacts(etag: "1", size: 3, modified: Timestamp(seconds: 1)))
        for renewsAge in [false, true] {
            move.renewsAge = renewsAge
            #expect(await fixture.store.move([move]) == [.changed])
        }
    }

    @Test("what is removed is gone, and gone it stays when removed again", arguments: CollectableUnderTest.all)
    func remove(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        for name in ["1", "2", "3"] { try await fixture.plant(name, ".trash/d/r/\(name)") }
        for _ in 0..<2 {
            #expect(await fixture.store.remove([".trash/d/r/3", ".trash/d/r/1", ".trash/9/9"]) == [nil, nil, nil])
            #expect(try await fixture.store.keys() == bytes([".trash/d/r/2"]))
        }
    }

    @Test("the marker is what was written last, at first none", arguments: CollectableUnderTest.all)
    func marker(_ kind: CollectableUnderTest) async throws {
        let fixture = try await kind.make()
        #expect(try await fixture.store.marker() == nil)
        for text in ["a longer one", "short", ""] {
            try await fixture.store.setMarker(Array(text.utf8))
            #expect(try await fixture.store.marker() == Array(text.utf8))
        }
        #expect(try await fixture.store.keys() == bytes([".custode/identity.json"]))
    }
}
