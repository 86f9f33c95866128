import CustodeCore
import CustodeTesting
import Foundation
import HTTPFetch
import NIOCore
import NIOPosix

@testable import BlobStores

/// A store over a bucket of its own, on a real Ceph RGW.
struct TestS3 {
    let store: S3Store
    /// Where parts are spooled.
    let folder: TestFolder
    /// What sends its requests; ended with the last copy of this value.
    let fetcher: Fetcher
    private let proxy: FaultProxy?

    /// Makes the bucket.
    ///
    /// - Parameter proxy: One before the gateway, which lives as long as the store.
    static func make(proxy: FaultProxy? = nil, clock: any WallClock = RealClock()) async throws -> TestS3 {
        let gateway = try await PrivateRGW.shared()
        let bucket = PrivateRGW.newBucketName()
        let direct = try TestS3(bucket: bucket, endpoint: gateway.endpoint)
        _ = try await direct.store.sender.head(S3Request("PUT", nil))
        guard let proxy else { return direct }
        return try TestS3(bucket: bucket, endpoint: proxy.url, clock: clock, proxy: proxy)
    }

    init(
        bucket: String, endpoint: String, region: String = PrivateRGW.region,
        user: PrivateRGW.User = PrivateRGW.custode,
        clock: any WallClock = RealClock(), proxy: FaultProxy? = nil
    ) throws {
        self.proxy = proxy
        folder = try TestFolder()
        fetcher = try Fetcher()
        store = try S3Store(
            S3Configuration(
                bucket: bucket, endpoint: endpoint, region: region, accessKey: user.accessKey,
                secretKey: user.secretKey, spoolDirectory: folder.path),
            fetcher: fetcher, threads: .singleton, clock: clock, random: RealRandom())
    }

    /// Puts a text at any key, over what is there.
    func write(_ text: String, to key: String) async throws {
        let document = S3Document(text)
        var request = S3Request("PUT", key)
        request.body = document.body
        request.payloadHash = document.hash
        _ = try await store.sender.head(request)
    }
}

/// The machine's clock.
struct RealClock: WallClock {
    func now() -> Timestamp { Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000)) }
}

/// The system's random numbers.
struct RealRandom: RandomSource {
    func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8.random(in: 0...255) } }
}
