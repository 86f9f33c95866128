import CustodeCore
import CustodeTesting
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

    /// The bucket's name.
    static let bucket = "recordings"

    /// Starts the stand-in and makes the bucket.
    ///
    /// - Parameter proxied: Whether a proxy stands before it, which ``proxy(_:)`` gives.
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
        _ configuration: SupabaseStandIn.Configuration = SupabaseStandIn.Configuration()
    ) async throws -> (TestSupabase, FaultProxy) {
        let made = try await make(configuration)
        guard let service = made.service else { throw HarnessError("a real project is not proxied") }
        let proxy = try FaultProxy(to: service.port)
        return (try TestSupabase(service, key: service.serviceKey, url: proxy.url, proxy: proxy), proxy)
    }

    init(
        _ service: SupabaseStandIn, key: String, bucket: String = TestSupabase.bucket, url: String? = nil,
        clock: any WallClock = RealClock(), proxy: FaultProxy? = nil
    ) throws {
        self.service = service
        self.proxy = proxy
        folder = try TestFolder()
        fetcher = try Fetcher()
        store = try SupabaseStore(
            SupabaseConfiguration(
                bucket: bucket, url: url ?? service.url, key: SupabaseConfiguration.Key(key),
                spoolDirectory: folder.path),
            fetcher: fetcher, threads: .singleton, clock: clock, random: RealRandom())
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
