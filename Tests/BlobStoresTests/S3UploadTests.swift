import Cryptography
import CustodeCore
import CustodeTesting
import NIOCore
import Testing

@testable import BlobStores

@Suite("uploads into S3")
struct S3UploadTests {
    private static let mebibyte = 1_024 * 1_024

    /// Bytes of which no two stretches are the same.
    static func noise(_ count: Int) -> [UInt8] {
        var state: UInt64 = 1
        let words = (0..<count / 8 + 1).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state
        }
        return words.withUnsafeBytes { Array($0.prefix(count)) }
    }

    static func pieces(_ bytes: [UInt8], of size: Int = 131_072) -> [[UInt8]] {
        stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<min($0 + size, bytes.count)]) }
    }

    @Test(
        "an object arrives byte for byte, however many parts it takes",
        arguments: [
            (8 * mebibyte, 0), (8 * mebibyte + 1, 2), (16 * mebibyte, 2), (16 * mebibyte + 1, 3),
            (20 * mebibyte + 12_345, 3),
        ], [true, false])
    func sizes(_ size: (bytes: Int, parts: Int), _ isKnown: Bool) async throws {
        let bucket = try await TestS3.make()
        let bytes = Self.noise(size.bytes)
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: isKnown ? Int64(bytes.count) : nil)
        for piece in Self.pieces(bytes, of: 99_991) { try await upload.write(ByteBuffer(bytes: piece)) }
        let sealed = try await upload.seal()
        #expect(sealed.size == Int64(bytes.count) && sealed.sha256.bytes == Cryptography.SHA256.hash(bytes))
        try await upload.publish(as: key("1"))
        #expect(try await bucket.store.bytes(key("1").text) == bytes)
        let etag = try #require(try await bucket.store.facts(of: [key("1").text])[0]).etag
        #expect(etag.contains("-") == (size.parts > 0) && (size.parts == 0 || etag.hasSuffix("-\(size.parts)")))
        #expect(try await bucket.store.unfinished(after: nil) == [])
    }

    @Test("the largest object there may be has no more parts than there may be, known beforehand or not")
    func plans() {
        let allowed: ClosedRange<Int64> = 5 * 1_024 * 1_024...5 * 1_024 * 1_024 * 1_024
        for expected in [PartPlan.largestObject, nil] {
            let plan = PartPlan(expectedSize: expected)
            var total: Int64 = 0
            var count = 0
            while total < PartPlan.largestObject {
                count += 1
                let size = plan.size(of: count)
                #expect(allowed.contains(size))
                total += size
            }
            #expect(count <= PartPlan.mostParts)
        }
        #expect(PartPlan(expectedSize: 0).size(of: 1) == PartPlan.usual)
    }

    @Test("an upload that is discarded leaves no parts, whether some are on their way or not", arguments: [0, 1, 30])
    func discarded(_ mebibytes: Int) async throws {
        let bucket = try await TestS3.make()
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: nil)
        for piece in Self.pieces(Self.noise(mebibytes * Self.mebibyte)) {
            try await upload.write(ByteBuffer(bytes: piece))
        }
        await upload.discard()
        #expect(try await bucket.store.unfinished(after: nil) == [])
        #expect(try await bucket.store.facts(of: [key("1").text]) == [nil])
    }

    @Test("an upload whose task is cancelled ends soon and can be discarded, and leaves nothing")
    func cancelled() async throws {
        let proxy = try await TestS3.proxy()
        let bucket = try await TestS3.make(proxy: proxy)
        proxy.set(.slow(bytesPerSecond: 200_000, .toServer))
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: nil)
        let writing = Task {
            for piece in Self.pieces(Self.noise(40 * Self.mebibyte)) {
                try await upload.write(ByteBuffer(bytes: piece))
            }
            _ = try await upload.seal()
        }
        #expect(try await eventually(within: .seconds(30)) { proxy.count(matching: "partNumber=") > 0 })
        writing.cancel()
        let result = await writing.result
        #expect(throws: (any Error).self) { try result.get() }
        try proxy.clear()
        await upload.discard()
        #expect(try await bucket.store.unfinished(after: nil) == [])
    }

    @Test("a large upload to a key that holds something is refused before its bytes come")
    func takenEarly() async throws {
        let bucket = try await TestS3.make()
        _ = try await bucket.store.put([[1]], as: key("1"))
        for size in [nil, 9 * 1_024 * 1_024] as [Int64?] {
            await #expect(throws: BlobStoreError.keyTaken) {
                try await bucket.store.beginUpload(as: key("1"), expectedSize: size)
            }
        }
    }

    @Test("a large upload whose key was taken meanwhile does not overwrite")
    func takenLate() async throws {
        let bucket = try await TestS3.make()
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: nil)
        for piece in Self.pieces(Self.noise(9 * Self.mebibyte)) { try await upload.write(ByteBuffer(bytes: piece)) }
        try await bucket.write("another", to: key("1").text)
        _ = try await upload.seal()
        await #expect(throws: BlobStoreError.keyTaken) { try await upload.publish(as: key("1")) }
        await upload.discard()
        #expect(try await bucket.store.bytes(key("1").text) == Array("another".utf8))
    }
}

extension TestS3 {
    /// A proxy before the gateway.
    static func proxy() async throws -> FaultProxy { try FaultProxy(to: try await PrivateRGW.shared().port) }
}
