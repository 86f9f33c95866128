import CustodeCore
import CustodeTesting
import Testing

@testable import BlobStores

@Suite("listing, moving and removing in S3 when things go wrong")
struct S3ListingTests {
    private func bucket(objects: Int) async throws -> (TestS3, FaultProxy) {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        let results = await Crowd.run(Array(0..<objects)) { number in
            do {
                try await bucket.write("\(number)", to: "users/\(10_000 + number)")
                return true
            } catch {
                return false
            }
        }
        #expect(!results.contains(false))
        proxy.forgetRequests()
        return (bucket, proxy)
    }

    @Test("a second page that is broken, short, refused or of another kind is an error, never the end of the listing")
    func pages() async throws {
        let (bucket, proxy) = try await bucket(objects: 1_500)
        #expect(try await bucket.store.keys().count == 1_500)
        let second = "continuation-token"
        let spoil: [(FaultProxy) -> Void] = [
            { $0.rewrite(matching: second, by: .cut(afterBodyBytes: 20_000), times: .max) },
            { $0.rewrite(matching: second, by: ResponseRewrite { String($0.dropLast(200)) }, times: .max) },
            { $0.rewrite(matching: second, by: .text("<html>busy</html>"), times: .max) },
            { $0.rewrite(matching: second, by: .text(""), times: .max) },
            { $0.rewrite(matching: second, by: .replacing("<Size>", with: "<Sise>"), times: .max) },
            { $0.rewrite(matching: second, by: .replacing("<Size>", with: "<Size>-"), times: .max) },
            { $0.answer(matching: second, with: .s3Error(403, "AccessDenied")) },
            { $0.answer(matching: second, with: .s3Error(503, "SlowDown")) },
            { $0.answer(matching: second, with: .s3Error(404, "NoSuchBucket")) },
        ]
        for (number, fault) in spoil.enumerated() {
            fault(proxy)
            await #expect(throws: BlobStoreError.self, "\(number)") { try await bucket.store.keys() }
            try proxy.clear()
        }
    }

    @Test("a listing that tells the same page again, or goes back, is an error")
    func standsStill() async throws {
        let (bucket, proxy) = try await bucket(objects: 1_500)
        let document = { (token: String, keys: [String]) in
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>\(token)</NextContinuationToken>"
                + keys.map {
                    "<Contents><Key>\($0)</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                        + "<ETag>&quot;0&quot;</ETag><Size>1</Size></Contents>"
                }.joined() + "</ListBucketResult>"
        }
        for (token, keys) in [("a", []), ("a", ["a", "a"]), ("b", ["b", "a"])] as [(String, [String])] {
            proxy.answer(matching: "list-type=2", with: CannedResponse(200, body: document(token, keys)))
            await #expect(throws: BlobStoreError.self) { try await bucket.store.keys() }
            try proxy.clear()
        }
    }

    @Test("a listing by a service that passes over start-after ends, and nothing follows a page that is missing")
    func startAfterIgnored() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        proxy.answer(
            matching: "list-type=2",
            with: CannedResponse(
                200,
                body:
                    "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
                    + "<Contents><Key>.trash/a</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                    + "<ETag>&quot;0&quot;</ETag><Size>1</Size></Contents></ListBucketResult>"))
        let listing = bucket.store.list(ListingScope(excluding: [".trash/"]))
        await #expect(throws: BlobStoreError.self) { try await listing.next() }
        #expect(try await listing.next() == nil)
        #expect(proxy.count(matching: "list-type=2") < 10)
    }

    @Test("what passes on its own is tried again, and the listing is whole")
    func passing() async throws {
        let (bucket, proxy) = try await bucket(objects: 1_500)
        proxy.answer(matching: "continuation-token", with: .s3Error(503, "SlowDown"), times: 2)
        #expect(try await bucket.store.keys().count == 1_500)
    }

    @Test("a long stretch that is left out is not listed")
    func jump() async throws {
        let (bucket, proxy) = try await bucket(objects: 3_500)
        try await bucket.write("z", to: "z")
        #expect(try await bucket.store.keys(ListingScope(excluding: ["users/"])) == bytes(["z"]))
        // The first page, the one that had been asked for ahead by then, and the one behind the stretch.
        #expect(proxy.count(matching: "list-type=2") <= 3)
    }

    @Test(
        "a move that fails at any of its requests leaves the object in at least one place, and is finished when repeated"
    )
    func moves() async throws {
        let steps: [(String, (FaultProxy, String) -> Void)] = [
            ("lost copy", { $0.loseReply(matching: "PUT /\($1)/.trash", times: .max) }),
            ("refused copy", { $0.answer(matching: "PUT /\($1)/.trash", with: .s3Error(403, "AccessDenied")) }),
            (
                "late error",
                {
                    $0.answer(
                        matching: "PUT /\($1)/.trash",
                        with: CannedResponse(200, body: "<Error><Code>InternalError</Code></Error>"))
                }
            ),
            ("no look", { $0.answer(matching: "HEAD /\($1)/.trash", with: .s3Error(503, "SlowDown"), skipping: 1) }),
            ("lost removal", { $0.loseReply(matching: "DELETE /\($1)/users", times: .max) }),
            ("refused removal", { $0.answer(matching: "DELETE /\($1)/users", with: .s3Error(403, "AccessDenied")) }),
        ]
        for (name, fault) in steps {
            let proxy = try await TestS3.proxy()
            let bucket = try await TestS3.make(proxy: proxy)
            try await bucket.write("text", to: "users/a")
            let wish = try await bucket.store.wish("users/a", to: ".trash/users/a")
            fault(proxy, bucket.store.configuration.bucket)
            let outcome = await bucket.store.move([wish])[0]
            try proxy.clear()
            let keys = try await bucket.store.keys()
            #expect(!keys.isEmpty, "\(name)")
            if outcome == .moved { #expect(keys == bytes([".trash/users/a"]), "\(name)") }
            #expect(await bucket.store.move([wish]) == [.moved], "\(name)")
            #expect(try await bucket.store.keys() == bytes([".trash/users/a"]), "\(name)")
            #expect(try await bucket.store.bytes(".trash/users/a") == Array("text".utf8))
        }
    }

    @Test("an object too large for one copy is copied range by range, and only then removed")
    func partwise() async throws {
        let bucket = try await TestS3.make()
        let content = S3UploadTests.noise(11 * 1_024 * 1_024)
        _ = try await bucket.store.put(S3UploadTests.pieces(content), as: key("1"))
        let from = try key("1").text
        let wish = try await bucket.store.wish(from, to: ".trash/" + from)
        var move = S3Move(store: bucket.store, move: wish, mayGoOn: { true }, largestCopy: 1_024)
        move.partSize = 5 * 1_024 * 1_024
        #expect(await move.run() == .moved)
        #expect(try await bucket.store.keys() == bytes([".trash/" + from]))
        #expect(try await bucket.store.bytes(".trash/" + from) == content)
        #expect(try await bucket.store.unfinished(after: nil) == [])
        #expect(await move.run() == .moved)
    }

    @Test("moves and removals that may not go on fail untouched")
    func lease() async throws {
        let bucket = try await TestS3.make()
        for name in ["users/a", ".trash/b"] { try await bucket.write(name, to: name) }
        let wish = try await bucket.store.wish("users/a", to: ".trash/users/a")
        #expect(await bucket.store.move([wish], while: { false }) == [.failed(.cancelled)])
        #expect(await bucket.store.remove([".trash/b"], while: { false }) == [.cancelled])
        #expect(try await bucket.store.keys() == bytes([".trash/b", "users/a"]))
    }

    @Test("nothing outside quarantine is removed, and of a batch what failed is told by its key")
    func removals() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        for name in [".trash/a", ".trash/b&<>", "users/a"] { try await bucket.write(name, to: name) }
        guard case .unavailable? = await bucket.store.remove(["users/a"])[0] else {
            Issue.record("removed")
            return
        }
        proxy.answer(
            matching: "?delete",
            with: CannedResponse(
                200,
                body:
                    "<DeleteResult><Error><Key>.trash/b&amp;&lt;&gt;</Key><Code>AccessDenied</Code></Error></DeleteResult>"
            ),
            times: 1)
        let failures = await bucket.store.remove([".trash/a", ".trash/b&<>"])
        #expect(failures[0] == nil && failures[1] != nil)
        #expect(await bucket.store.remove([".trash/a", ".trash/b&<>"]) == [nil, nil])
        #expect(try await bucket.store.keys() == bytes(["users/a"]))
    }

    @Test("unfinished uploads are told with their keys, page by page, and can be forgotten")
    func unfinished() async throws {
        let bucket = try await TestS3.make()
        var ids: [String] = []
        for name in ["users/a b", "users/\u{E9}", "users/\u{E9}", "zz"] {
            ids.append(try await bucket.store.beginMultipart(name, nonce: "n"))
        }
        let told = try await bucket.store.unfinished(after: nil)
        #expect(told.map { Array($0.key.utf8) } == bytes(["users/a b", "users/\u{E9}", "users/\u{E9}", "zz"]))
        #expect(Set(told.map(\.id)) == Set(ids))
        #expect(try await bucket.store.unfinished(after: told[1]).map(\.id) == told[2...].map(\.id))
        #expect(try await bucket.store.unfinished(after: told[3]) == [])
        #expect(await bucket.store.abort(told + told) { true } == [nil, nil, nil, nil, nil, nil, nil, nil])
        #expect(try await bucket.store.unfinished(after: nil) == [])
    }
}

@Suite("what listings of S3 spell in their own ways")
struct S3SpellingTests {
    @Test(
        "keys are read as encoding-type=url spells them",
        arguments: [
            ("users/a", "users/a"), ("users%2Fa", "users/a"), ("a+b%2Bc", "a b+c"), ("%C3%A9", "\u{E9}"),
            ("%c3%a9", "\u{E9}"),
            ("%FF", nil), ("%C3", nil), ("%", nil), ("%4", nil), ("%4G", nil), ("", ""),
        ] as [(String, String?)])
    func keys(_ text: String, _ key: String?) {
        #expect(S3Listing.decode(text).map { Array($0.utf8) } == key.map { Array($0.utf8) })
    }

    @Test(
        "dates are read to the whole second, and nothing else is a date",
        arguments: [
            ("2026-11-25T03:00:00.123Z", 1_795_575_600), ("2026-11-25T03:00:00Z", 1_795_575_600),
            ("1970-01-01T00:00:00.000Z", 0), ("2026-11-25T03:00:00", nil), ("2026-11-25 03:00:00Z", nil),
            ("2026-11-25T03:00:00+01:00", nil), ("20261125T030000Z", nil), ("", nil), ("x", nil),
            ("17955756000000000000000", nil),
        ] as [(String, Int64?)])
    func dates(_ text: String, _ seconds: Int64?) {
        #expect(S3Listing.moment(text)?.seconds == seconds)
    }

    @Test("tags are read with and without quotes", arguments: [("\"a\"", "a"), ("a", "a"), ("\"", "\""), ("", "")])
    func tags(_ text: String, _ tag: String) { #expect(S3Found.bare(text) == tag) }
}
