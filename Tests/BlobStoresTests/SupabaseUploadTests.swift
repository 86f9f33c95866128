import Cryptography
import CustodeCore
import CustodeTesting
import Foundation
import NIOCore
import Testing

@testable import BlobStores

@Suite("uploads into a Supabase bucket")
struct SupabaseUploadTests {
    static let mebibyte = 1_024 * 1_024
    static let piece = 6 * mebibyte

    @Test(
        "an object of up to 6 MiB takes one request; a larger one comes in pieces of 6 MiB, whether its size is known or not",
        arguments: [
            (0, 0), (1, 0), (piece, 0), (piece + 1, 2), (2 * piece, 2), (2 * piece + 1, 3), (20 * mebibyte + 12_345, 4),
        ], [true, false])
    func sizes(_ size: (bytes: Int, pieces: Int), _ isKnown: Bool) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        let bytes = Sample.noise(size.bytes)
        service.forgetRequests()
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: isKnown ? Int64(bytes.count) : nil)
        for piece in S3UploadTests.pieces(bytes, of: 99_991) { try await upload.write(ByteBuffer(bytes: piece)) }
        let sealed = try await upload.seal()
        #expect(sealed.size == Int64(bytes.count) && sealed.sha256.bytes == Cryptography.SHA256.hash(bytes))
        #expect(service.objects(in: TestSupabase.bucket).isEmpty, "nothing is at a key before it is published")
        try await upload.publish(as: key("1"))
        await upload.discard()
        let stored = try #require(service.bytes(of: key("1").text, in: TestSupabase.bucket))
        #expect(Sample.firstDifference(stored, bytes) == nil)
        #expect(service.count(matching: "POST /storage/v1/object/") == (size.pieces == 0 ? 1 : 0))
        #expect(service.count(matching: "POST /storage/v1/upload/resumable") == (size.pieces == 0 ? 0 : 1))
        let offsets = service.requests.filter { $0.line.hasPrefix("PATCH ") }.compactMap { $0.headers["upload-offset"] }
        #expect(offsets == (0..<size.pieces).map { "\($0 * Self.piece)" })
        #expect(service.openUploads.isEmpty)
        #expect(TestFolder.files(below: bucket.folder.path).isEmpty, "pieces wait in files without a name")
    }

    @Test(
        "an object has the type it was given, a mark of whose upload it is, and no cache may keep it",
        arguments: [10, 7 << 20])
    func fields(_ size: Int) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        for (name, type) in [("1", "audio/mpeg"), ("2", "application/json")] {
            let upload = try await bucket.store.beginUpload(
                as: key(name), contentType: type, expectedSize: Int64(size))
            try await upload.write(ByteBuffer(bytes: Sample.noise(size)))
            _ = try await upload.seal()
            try await upload.publish(as: key(name))
        }
        let objects = service.objects(in: TestSupabase.bucket)
        #expect(objects.map(\.contentType) == ["audio/mpeg", "application/json"])
        #expect(objects.allSatisfy { ["private, no-store", "max-age=0"].contains($0.cacheControl) })
        let marks = objects.compactMap { $0.metadata[SupabaseTarget.nonceField].string }
        #expect(Set(marks).count == 2)
    }

    @Test(
        "a project's two kinds of key go out in the fields that each may be in, and in no other",
        arguments: [false, true])
    func credentials(_ isSecret: Bool) async throws {
        let good = try await TestSupabase.make()
        let service = try #require(good.service)
        let secret = isSecret ? service.secretKey : service.serviceKey
        let bucket = try TestSupabase(service, key: secret)
        service.forgetRequests()
        for (name, size) in [("1", 10), ("2", 7 << 20)] {
            _ = try await bucket.store.put(S3UploadTests.pieces(Sample.noise(size)), as: key(name))
        }
        _ = try await bucket.store.keys()
        _ = try await bucket.store.bytes(key("1").text)
        #expect(service.requests.count > 6)
        for request in service.requests {
            #expect(request.headers.all("apikey") == [secret], "\(request.line)")
            #expect(request.headers.all("authorization") == (isSecret ? [] : ["Bearer \(secret)"]), "\(request.line)")
            #expect(!request.line.contains(secret))
        }
    }

    @Test(
        "an upload that is discarded leaves nothing open, whether pieces are on their way or not",
        arguments: [0, 1, 7, 30])
    func discarded(_ mebibytes: Int) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        for isSealed in [false, true] {
            let upload = try await bucket.store.beginUpload(
                as: key("1"), expectedSize: Int64(mebibytes * Self.mebibyte))
            for piece in S3UploadTests.pieces(Sample.noise(mebibytes * Self.mebibyte)) {
                try await upload.write(ByteBuffer(bytes: piece))
            }
            if isSealed { _ = try await upload.seal() }
            await upload.discard()
            #expect(service.openUploads.isEmpty)
            #expect(service.objects(in: TestSupabase.bucket).isEmpty)
        }
    }

    @Test("an upload whose task is cancelled ends soon and can be discarded, and leaves nothing")
    func cancelled() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let service = try #require(bucket.service)
        proxy.set(.slow(bytesPerSecond: 2_000_000, .toServer))
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: 40 << 20)
        let writing = Task {
            for piece in S3UploadTests.pieces(Sample.noise(40 << 20)) {
                try await upload.write(ByteBuffer(bytes: piece))
            }
            _ = try await upload.seal()
        }
        #expect(try await eventually { proxy.count(matching: "PATCH ") > 0 })
        let start = ContinuousClock.now
        writing.cancel()
        let result = await writing.result
        #expect(throws: (any Error).self) { try result.get() }
        #expect(ContinuousClock.now - start < .seconds(15))
        try proxy.clear()
        await upload.discard()
        #expect(service.openUploads.isEmpty)
        #expect(service.objects(in: TestSupabase.bucket).isEmpty)
    }

    @Test(
        "an upload of another size than was told fails, and nothing of it is ever to be seen",
        arguments: [
            (100, 7 << 20), (12 << 20, 13 << 20), (12 << 20, (12 << 20) + 1), (7 << 20, 20 << 20), (13 << 20, 12 << 20),
            (5, 3), (0, 1),
            (7 << 20, 0),
        ])
    func wrongSize(_ told: Int, _ actual: Int) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: Int64(told))
        await #expect(throws: BlobStoreError.self) {
            for piece in S3UploadTests.pieces(Sample.noise(actual)) { try await upload.write(ByteBuffer(bytes: piece)) }
            // Pieces may take their time on the way; an object must not come of them meanwhile.
            if actual > told {
                _ = try await eventually(within: .seconds(2)) { !service.objects(in: TestSupabase.bucket).isEmpty }
            }
            _ = try await upload.seal()
        }
        await upload.discard()
        #expect(service.objects(in: TestSupabase.bucket).isEmpty)
        #expect(service.openUploads.isEmpty)
    }

    @Test("no upload keeps a file open beyond its end, whichever that is")
    func descriptors() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let folder = bucket.folder.path
        for (number, size) in [200_000, 9 << 20, 9 << 20].enumerated() {
            let upload = try await bucket.store.beginUpload(
                as: key("\(number)"), expectedSize: number == 2 ? nil : Int64(size))
            for piece in S3UploadTests.pieces(Sample.noise(size)) { try await upload.write(ByteBuffer(bytes: piece)) }
            _ = try await upload.seal()
            #expect(Self.openFiles(below: folder) > 0, "the test sees them")
            try await upload.publish(as: key("\(number)"))
        }
        proxy.answer(matching: "PATCH ", with: .supabase(400, "403", "AccessDenied"))
        await #expect(throws: BlobStoreError.self) {
            let upload = try await bucket.store.beginUpload(as: key("9"), expectedSize: 30 << 20)
            do {
                for _ in 0..<30 { try await upload.write(ByteBuffer(bytes: Sample.noise(1 << 20))) }
                _ = try await upload.seal()
            } catch {
                await upload.discard()
                throw error
            }
        }
        #expect(try await eventually { Self.openFiles(below: folder) == 0 })
    }

    private static func openFiles(below folder: String) -> Int {
        let links = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return links.count { link in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(link)"))?.hasPrefix(folder)
                == true
        }
    }

    @Test("an upload that will come in pieces is refused before its bytes if its key holds something")
    func takenEarly() async throws {
        let bucket = try await TestSupabase.make()
        _ = try await bucket.store.put([[1]], as: key("1"))
        for size in [nil, 9 << 20] as [Int64?] {
            await #expect(throws: BlobStoreError.keyTaken) {
                try await bucket.store.beginUpload(as: key("1"), expectedSize: size)
            }
        }
    }

    @Test("an upload whose key is taken under way ends soon and with the cause")
    func takenMidway() async throws {
        let bucket = try await TestSupabase.make()
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: 30 << 20)
        let error = await #expect(throws: BlobStoreError.self) {
            for (index, piece) in S3UploadTests.pieces(Sample.noise(30 << 20)).enumerated() {
                try await upload.write(ByteBuffer(bytes: piece))
                if index == 100 { try await bucket.write("another", to: key("1").text) }
            }
            _ = try await upload.seal()
        }
        #expect("\(error.map(String.init(describing:)) ?? "")".contains("taken"))
        #expect(try #require(bucket.service).count(matching: "PATCH ") <= 4)
        await upload.discard()
        #expect(try await bucket.store.bytes(key("1").text) == Array("another".utf8))
    }

    @Test(
        "an upload whose key is taken meanwhile does not overwrite, and leaves nothing open", arguments: [3, 9 << 20],
        [true, false])
    func takenLate(_ size: Int, _ isKnown: Bool) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: isKnown ? Int64(size) : nil)
        for piece in S3UploadTests.pieces(Sample.noise(size)) { try await upload.write(ByteBuffer(bytes: piece)) }
        _ = try await upload.seal()
        try await bucket.write("another", to: key("1").text)
        await #expect(throws: BlobStoreError.keyTaken) { try await upload.publish(as: key("1")) }
        // What did not go in pieces can be had under another key.
        if !isKnown || size <= Self.piece {
            try await upload.publish(as: key("2"))
            #expect(service.bytes(of: try key("2").text, in: TestSupabase.bucket)?.count == size)
        }
        await upload.discard()
        #expect(try await bucket.store.bytes(key("1").text) == Array("another".utf8))
        #expect(service.openUploads.isEmpty)
    }

    @Test(
        "of two uploads of one key at once one is the object, and the other is told that it is not",
        arguments: [3, 9 << 20])
    func twice(_ size: Int) async throws {
        let bucket = try await TestSupabase.make()
        let uploads = try await ([1, 2] as [UInt32]).asyncMap { seed in
            let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: Int64(size))
            try await upload.write(ByteBuffer(bytes: Sample.noise(size, seed: seed)))
            _ = try await upload.seal()
            return upload
        }
        try await uploads[1].publish(as: key("1"))
        await #expect(throws: BlobStoreError.keyTaken) { try await uploads[0].publish(as: key("1")) }
        for upload in uploads { await upload.discard() }
        let stored = try await bucket.store.bytes(key("1").text)
        #expect(Sample.firstDifference(stored, Sample.noise(size, seed: 2)) == nil)
    }
}

extension Sequence {
    /// One after another.
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async throws -> [T] {
        var values: [T] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
