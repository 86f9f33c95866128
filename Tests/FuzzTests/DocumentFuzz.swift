import CustodeCore
import CustodeTesting
import Foundation
import HTTPFetch
import NIOPosix
import Synchronization
import Testing

@testable import BlobStores

@Suite("fuzzing what buckets' services answer", .serialized)
struct DocumentFuzz {
    private struct StoppedClock: WallClock {
        func now() -> Timestamp { Timestamp(seconds: 1_795_000_000) }
    }

    private struct NoRandom: RandomSource {
        func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
    }

    private static let page = """
        <?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\
        <Name>b</Name><Prefix>users/</Prefix><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
        <NextContinuationToken>a/b=&amp;c</NextContinuationToken>\
        <Contents><Key>users/7/jobs/42/input/original.wav</Key><LastModified>2026-11-25T03:00:00.123Z</LastModified>\
        <ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>5</Size></Contents>\
        <Contents><Key>users/%C3%A9+1</Key><LastModified>2026-11-25T03:00:00Z</LastModified><ETag>"0-2"</ETag>\
        <Size>9223372036854775807</Size></Contents></ListBucketResult>
        """

    private static let xml = [
        page, "<Error><Code>NoSuchKey</Code><Message>no &lt;such&gt; key</Message><Region>eu</Region></Error>",
        "<!DOCTYPE a [<!ENTITY b \"bbbbbbbbbb\"><!ENTITY c \"&b;&b;&b;&b;&b;\">]><a>&c;&c;&c;&c;&c;&c;&c;&c;</a>",
        "<!DOCTYPE a [<!ENTITY b \"<c/><c/><c/><c/>\">]><a>&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a>&b;</a>", "<a><![CDATA[<b>]]><!-- c --><?d e?></a>",
        "<html>busy</html>",
    ]

    /// How many elements and bytes of text and names there are, without recursion.
    private static func weight(_ root: XMLTree) -> Int {
        var (sum, open) = (0, [root])
        while let element = open.popLast() {
            sum += 1 + element.name.utf8.count + element.text.utf8.count
            open += element.children
        }
        return sum
    }

    @Test("XML of any kind is a value or an error, and never more than was sent")
    func xml() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let store = try S3Store(
            S3Configuration(
                bucket: "b", endpoint: "http://127.0.0.1:1", region: "r", accessKey: "a", secretKey: "s",
                spoolDirectory: folder.path),
            fetcher: Fetcher(), threads: .singleton, clock: StoppedClock(), random: NoRandom())
        let listing = S3Listing(store: store, prefix: "users/")
        var fuzzer = Fuzzer(
            "xml", texts: Self.xml,
            tokens: [
                "<Contents>", "</Contents>", "<Key>", "</Key>", "<Size>", "-1", "<IsTruncated>", "true", "&amp;", "&b;",
                "<!DOCTYPE a [<!ENTITY b \"bbbbbbbb\">]>", "<a>", "</a>", "<a/>", "]]>", "<![CDATA[", "%zz", "&#0;",
                "&#xFFFF;",
                "<Code>SlowDown</Code>", "2026-13-45T99:99:99Z", "\u{FEFF}", "<NextContinuationToken>",
            ])
        fuzzer.longest = 8_192
        fuzzer.patience = .seconds(2)
        try await fuzzer.run { trial in
            if let tree = XMLTree.read(trial.bytes) {
                // UTF-16 and Latin-1 become longer in UTF-8.
                try hold(Self.weight(tree) <= 2 * trial.bytes.count, "nothing expands")
            }
            if let page = try? listing.read(trial.bytes) {
                try hold(page.blobs.allSatisfy { $0.facts.size >= 0 }, "no size is below zero")
                try hold(page.blobs.count * 40 <= trial.bytes.count, "each object was listed")
            }
            _ = listing.glimpseToken(trial.bytes)
            let error = S3Error(FetchHead(status: 503, fields: [("Retry-After", trial.text)]), body: trial.bytes)
            try await Self.checkPauses(after: error)
            if let key = S3Listing.decode(trial.text) {
                let text = Array(trial.text.utf8)
                let plain = percentDecoded(text.map { $0 == 0x2B ? 0x20 : $0 })
                try hold(plain == Array(key.utf8), "keys are read as they were written")
            }
            if let moment = S3Listing.moment(trial.text) { try Self.check(moment, trial.text) }
        }
    }

    private static func check(_ moment: Timestamp, _ text: String) throws {
        let written = moment.rfc3339
        // Days that no calendar has are the next month's.
        let isUsual = text.utf8.dropFirst(8).prefix(2).elementsEqual(written.utf8.dropFirst(8).prefix(2))
        try hold(!isUsual || S3Listing.moment(written) == moment, "\(text) is \(written)")
    }

    /// Whatever a service asks for, what failed is sent again after a moment, or not at all.
    private static func checkPauses<Failure: SendingFailure>(after error: Failure) async throws {
        let pauses = Mutex<[Duration]>([])
        var retries = Retries(random: NoRandom())
        retries.pause = { pause in pauses.withLock { $0.append(pause) } }
        do {
            _ = try await retries(S3Request("GET", "key")) { _ throws(Failure) in throw error }
        } catch {}
        try hold(
            pauses.withLock { $0.allSatisfy { (.zero ... .seconds(10)).contains($0) } },
            "pauses of \(pauses.withLock(\.self))")
    }

    private static let json = [
        """
        {"hasNext":true,"nextCursor":"abc","folders":[],"objects":[{"name":"users/7/jobs/42/input/original.wav",\
        "updated_at":"2026-11-25T03:00:00.123Z","created_at":null,"metadata":{"eTag":"\\"0-2\\"","size":5}}]}
        """,
        "{\"hasNext\":false,\"objects\":[]}",
        "{\"hasNext\":false,\"objects\":[{\"name\":\"users/x\",\"metadata\":null}]}",
        "{\"statusCode\":\"404\",\"error\":\"not_found\",\"message\":\"Object not found\"}", "[]", "null",
    ]

    @Test("JSON of any kind is a listing or an error, never a negative size or a foreign name")
    func supabase() async throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let store = try SupabaseStore(
            SupabaseConfiguration(
                bucket: "b", url: "http://127.0.0.1:1", key: SupabaseConfiguration.Key("k"), spoolDirectory: folder.path
            ),
            fetcher: Fetcher(), threads: .singleton, clock: StoppedClock(), random: NoRandom())
        let listing = SupabaseListing(store: store, prefix: "users/")
        let fuzzer = Fuzzer(
            "supabase", texts: Self.json,
            tokens: [
                "\"size\":", "-1", "1e3", "1.5", "null", "true", "{", "}", "[", "]", ",", "\"", "\\u0000", "\\ud800",
                "\"hasNext\":true", "+00:00", "users/", "\"name\":",
            ])
        try await fuzzer.run { trial in
            if let page = try? listing.read(trial.bytes) {
                try hold(page.blobs.allSatisfy { $0.facts.size >= 0 }, "no size is below zero")
                try hold(page.blobs.allSatisfy { $0.key.utf8.starts(with: "users/".utf8) }, "each name has the prefix")
                try hold(page.blobs.count * 20 <= trial.bytes.count, "each object was listed")
            }
            let error = SupabaseError(FetchHead(status: 429, fields: [("Retry-After", trial.text)]), body: trial.bytes)
            try await Self.checkPauses(after: error)
            _ = try? SupabaseJSON.read(SupabaseJSON.Info.self, trial.bytes)
            _ = try? SupabaseJSON.read(SupabaseJSON.Bucket.self, trial.bytes)
            _ = SupabaseJSON.moment(trial.text)
        }
    }
}
