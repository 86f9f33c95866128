import CustodeCore
import CustodeTesting
import Foundation
import HTTPFetch
import NIOCore
import NIOPosix

@testable import BlobStores

/// A store over a bucket of its own, on the stand-in for Supabase Storage, or on a real project.
struct TestSupabase {
    let store: SupabaseStore
    /// The stand-in; `nil` before a real project.
    let service: SupabaseStandIn?
    /// Where pieces are spooled.
    let folder: TestFolder
    /// What sends its requests; ended with the last copy of this value.
    let fetcher: Fetcher
    private let proxy: FaultProxy?
    private let left: LeftBucket?

    /// The bucket's name.
    static let bucket = "recordings"

    /// A bucket of its own of the real project that the environment names; of the stand-in if it names none.
    static func makeAnywhere() async throws -> TestSupabase {
        let environment = ProcessInfo.processInfo.environment
        guard let url = environment["CUSTODE_TEST_SUPABASE_URL"], let key = environment["CUSTODE_TEST_SUPABASE_KEY"]
        else { return try await make() }
        let bucket = "custode-test-\(UUID().uuidString.lowercased())"
        let made = try TestSupabase(
            nil, key: key, bucket: bucket, url: url, left: LeftBucket(url: url, key: key, bucket: bucket))
        try await made.store.prepare()
        return made
    }

    /// Starts the stand-in and makes the bucket.
    static func make(
        _ configuration: SupabaseStandIn.Configuration = SupabaseStandIn.Configuration(),
        clock: any WallClock = RealClock()
    ) async throws -> TestSupabase {
        let service = try await SupabaseStandIn.start(configuration)
        let made = try TestSupabase(service, key: service.serviceKey, clock: clock)
        try await made.store.prepare()
        return made
    }

    /// The same with a proxy before it.
    static func proxied(
        _ configuration: SupabaseStandIn.Configuration = SupabaseStandIn.Configuration(),
        patience: Duration = .seconds(2)
    ) async throws -> (TestSupabase, FaultProxy) {
        let made = try await make(configuration)
        guard let service = made.service else { throw HarnessError("a real project is not proxied") }
        let proxy = try FaultProxy(to: service.port)
        return (
            try TestSupabase(service, key: service.serviceKey, url: proxy.url, proxy: proxy, patience: patience), proxy
        )
    }

    init(
        _ service: SupabaseStandIn?, key: String, bucket: String = TestSupabase.bucket, url: String? = nil,
        clock: any WallClock = RealClock(), proxy: FaultProxy? = nil,
        left: LeftBucket? = nil, patience: Duration = .seconds(2)
    ) throws {
        self.service = service
        self.left = left
        self.proxy = proxy
        folder = try TestFolder()
        fetcher = try Fetcher()
        var configuration = SupabaseConfiguration(
            bucket: bucket, url: url ?? service?.url ?? "", key: SupabaseConfiguration.Key(key),
            spoolDirectory: folder.path)
        configuration.patience = patience
        store = try SupabaseStore(
            configuration, fetcher: fetcher, threads: .singleton, clock: clock, random: RealRandom())
    }

    /// Whether the service takes such a key: its characters are a few of ASCII's.
    static let takes: @Sendable (String) -> Bool = { key in
        key.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "_/!.*'() &$=@;:+,?-".utf8.contains(byte)
            }
        }
    }

    /// Puts a text at any key, over what is there.
    func write(_ text: String, to key: String) async throws {
        try await store.write(.bytes(ByteBuffer(string: text)), to: key, contentType: "text/plain")
    }
}

/// A bucket of a real project, emptied and removed with the last that needs it.
final class LeftBucket: Sendable {
    private let url: String
    private let key: String
    private let bucket: String

    init(url: String, key: String, bucket: String) {
        self.url = url
        self.key = key
        self.bucket = bucket
    }

    deinit {
        let script = """
            curl() { command curl -sS -o /dev/null -H "apikey: $KEY" ${TOKEN:+-H "Authorization: Bearer $TOKEN"} "$@"; }
            curl -X POST "$URL/storage/v1/bucket/$BUCKET/empty"
            for _ in 1 2 3 4 5 6; do sleep 5; curl -f -X DELETE "$URL/storage/v1/bucket/$BUCKET" && break; done
            """
        // Not the harness's own kind of child, which ends with the tests.
        let cleaner = Process()
        cleaner.executableURL = URL(filePath: "/bin/bash")
        cleaner.arguments = ["-c", script]
        cleaner.environment = [
            "PATH": "/usr/bin:/bin", "URL": url, "KEY": key, "TOKEN": key.hasPrefix("sb_") ? "" : key, "BUCKET": bucket,
        ]
        try? cleaner.run()
    }
}
