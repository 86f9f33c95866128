import Cryptography
import CustodeCore
import CustodeTesting
import NIOCore
import Testing

@testable import BlobStores

@Suite("uploads into Supabase Storage, also when things go wrong", .timeLimit(.minutes(2)))
struct SupabaseUploadFaultTests {
    private static let small = Sample.noise(70_000)
    private static let large = Sample.noise(20_000_001)

    private static func pieces(_ bytes: [UInt8]) -> [ByteBuffer] {
        stride(from: 0, to: bytes.count, by: 300_000).map {
            ByteBuffer(bytes: bytes[$0..<min($0 + 300_000, bytes.count)])
        }
    }

    /// Uploads as the service would; what was begun is given up if that fails.
    private static func put(
        _ bytes: [UInt8], _ bucket: TestSupabase, expectedSize: Int64? = nil, isSized: Bool = true
    ) async throws {
        let upload = try await bucket.store.beginUpload(
            as: key("1"), contentType: "audio/wav", expectedSize: isSized ? expectedSize ?? Int64(bytes.count) : nil)
        do {
            for piece in pieces(bytes) { try await upload.write(piece) }
            let sealed = try await upload.seal()
            #expect(sealed.sha256.bytes == Cryptography.SHA256.hash(bytes))
            try await upload.publish(as: key("1"))
        } catch {
            await upload.discard()
            throw error
        }
    }

    private static func expectStored(_ bytes: [UInt8], _ bucket: TestSupabase) throws {
        let service = try #require(bucket.service)
        let objects = service.objects(in: TestSupabase.bucket)
        #expect(try objects.map(\.name) == [key("1").text])
        let stored = try #require(service.bytes(of: try key("1").text, in: TestSupabase.bucket))
        #expect(Sample.firstDifference(stored, bytes) == nil)
        #expect(objects.first?.contentType == "audio/wav")
        #expect(
            objects.first?.cacheControl.contains("max-age=0") == true
                || objects.first?.cacheControl == "private, no-store")
        // Of an upload whose name got lost on its way nobody can take leave; the service forgets it in time.
        #expect(service.openUploads.allSatisfy { $0.offset == 0 })
    }

    @Test("up to 6 MiB goes in one request, more by tus in pieces of 6 MiB, unknown sizes once they are known")
    func ways() async throws {
        let piece = Int(SupabaseStore.pieceSize)
        for (size, isSized, posts, patches) in [
            (0, true, 1, 0), (1, true, 1, 0), (piece, true, 1, 0), (piece + 1, true, 0, 2), (3 * piece, true, 0, 3),
            (piece, false, 1, 0), (piece + 1, false, 0, 2), (20_000_001, false, 0, 4),
        ] {
            let bucket = try await TestSupabase.make()
            let bytes = Sample.noise(size)
            try await Self.put(bytes, bucket, isSized: isSized)
            try Self.expectStored(bytes, bucket)
            let service = try #require(bucket.service)
            #expect(service.count(matching: "POST /storage/v1/object/recordings/") == posts, "\(size) \(isSized)")
            #expect(service.count(matching: "PATCH ") == patches, "\(size) \(isSized)")
            for request in service.requests where request.line.hasPrefix("PATCH ") {
                #expect(request.headers["Content-Length"].flatMap { Int($0) } ?? .max <= piece)
                #expect(request.headers["x-upsert"] == nil, "never over another")
            }
        }
    }

    /// What may happen to a request on its way.
    enum Mishap: String, CaseIterable, CustomTestStringConvertible {
        case slowDown, internalError, lostReply, reset, edge, lockTimeout, cut
        var testDescription: String { rawValue }

        func strike(_ proxy: FaultProxy, _ bucket: TestSupabase, _ part: String) {
            switch self {
            case .slowDown: bucket.service?.slowDown(matching: part, times: 1)
            case .internalError:
                proxy.answer(
                    matching: part,
                    with: CannedResponse(
                        500, headers: ["Content-Type": "application/json"], body: #"{"statusCode":"500"}"#),
                    times: 2)
            case .lostReply: proxy.loseReply(matching: part)
            case .reset: proxy.loseReply(matching: part, .reset, times: 2)
            case .edge:
                proxy.answer(
                    matching: part, with: CannedResponse(502, headers: ["Content-Type": "text/html"], body: "<html>no"),
                    times: 1)
            case .lockTimeout: bucket.service?.lockTimeout(matching: part, times: 1)
            case .cut: proxy.set(.cut(afterBytes: 40_000, .toServer, .reset), times: 1)
            }
        }
    }

    @Test("a small upload survives a mishap of its one request, and is made once", arguments: Mishap.allCases)
    func small(_ mishap: Mishap) async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        mishap.strike(proxy, bucket, "POST /storage/v1/object/recordings")
        try await Self.put(Self.small, bucket)
        try Self.expectStored(Self.small, bucket)
    }

    @Test(
        "an upload in pieces survives a mishap of any of its requests, with no byte lost and none doubled",
        arguments: Mishap.allCases, [("POST /storage/v1/upload", 0), ("PATCH ", 0), ("PATCH ", 1), ("PATCH ", 3)])
    func large(_ mishap: Mishap, _ place: (part: String, skipping: Int)) async throws {
        for keeps in [true, false] {
            var configuration = SupabaseStandIn.Configuration()
            configuration.keepsBrokenBytes = keeps
            let (bucket, proxy) = try await TestSupabase.proxied(configuration)
            if place.skipping > 0, mishap == .lostReply {
                proxy.loseReply(matching: place.part, skipping: place.skipping)
            } else {
                mishap.strike(proxy, bucket, place.part)
            }
            try await Self.put(Self.large, bucket)
            try Self.expectStored(Self.large, bucket)
        }
    }

    @Test("a mishap that does not end fails an upload; nothing is at its key, and nothing of it is left")
    func lasting() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        proxy.answer(matching: "PATCH ", with: CannedResponse(503, headers: [:], body: "no"))
        await #expect(throws: BlobStoreError.self) { try await Self.put(Self.large, bucket) }
        #expect(try await bucket.store.facts(of: [key("1").text]) == [nil])
        #expect(bucket.service?.openUploads.isEmpty == true)
    }

    @Test("a publication of which nobody can tell whether it was made is told as that", arguments: [70_000, 7_000_000])
    func unsettled(_ size: Int) async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let upload = try await bucket.store.beginUpload(
            as: key("1"), contentType: "audio/wav", expectedSize: Int64(size))
        for piece in Self.pieces(Sample.noise(size)) { try await upload.write(piece) }
        _ = try await upload.seal()
        proxy.loseReply(matching: size > 6 << 20 ? "PATCH " : "POST /storage/v1/object/", times: .max)
        proxy.answer(matching: "/object/info/", with: CannedResponse(503, headers: [:], body: "no"))
        let error = await #expect(throws: BlobStoreError.self) { try await upload.publish(as: key("1")) }
        guard case .unsettled? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        await upload.discard()
        try proxy.clear()
        let stored = bucket.service?.bytes(of: try key("1").text, in: TestSupabase.bucket)
        #expect(stored?.count == size, "what may be an object is not taken apart")
    }

    @Test(
        "an object of another's that comes to the key while an upload runs stays, and the upload is told so",
        arguments: [70_000, 7_000_000])
    func overtaken(_ size: Int) async throws {
        for rechecks in [true, false] where rechecks || size > 6 << 20 {
            var configuration = SupabaseStandIn.Configuration()
            configuration.rechecksCreates = rechecks
            let bucket = try await TestSupabase.make(configuration)
            let upload = try await bucket.store.beginUpload(
                as: key("1"), contentType: "audio/wav", expectedSize: Int64(size))
            for piece in Self.pieces(Sample.noise(size)) { try await upload.write(piece) }
            _ = try await upload.seal()
            bucket.service?.put(try key("1").text, [1, 2, 3], in: TestSupabase.bucket)
            guard rechecks else { continue }
            await #expect(throws: BlobStoreError.keyTaken) { try await upload.publish(as: key("1")) }
            #expect(bucket.service?.bytes(of: try key("1").text, in: TestSupabase.bucket) == [1, 2, 3])
            await upload.discard()
        }
    }

    @Test("an upload that the service forgets, or that has another size than was told, fails and leaves nothing")
    func forgotten() async throws {
        let bucket = try await TestSupabase.make()
        let upload = try await bucket.store.beginUpload(
            as: key("1"), contentType: "audio/wav", expectedSize: Int64(Self.large.count))
        for piece in Self.pieces(Self.large) { try await upload.write(piece) }
        _ = try await upload.seal()
        bucket.service?.forgetUploads()
        await #expect(throws: BlobStoreError.unavailable("Supabase Storage gave up an upload before its end")) {
            try await upload.publish(as: key("1"))
        }
        await upload.discard()
        for wrong in [Int64(Self.large.count) + 1, Int64(Self.large.count) - 1] {
            await #expect(throws: BlobStoreError.self) { try await Self.put(Self.large, bucket, expectedSize: wrong) }
        }
        #expect(bucket.service?.objects(in: TestSupabase.bucket).isEmpty == true)
        #expect(bucket.service?.openUploads.isEmpty == true)
    }

    @Test("pieces of a resumable upload that are not what they were never become an object")
    func spoiltPieces() async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        let key = try key("1")
        var staged = StagedBlob(id: UploadID(random: RealRandom()))
        let append = try await bucket.store.resume(staged, as: key, expectedSize: nil)
        for piece in Self.pieces(Self.large) { try await append.write(piece) }
        staged = try await append.seal(isWhole: true)
        await append.close()
        let names = service.objects(in: TestSupabase.bucket).map(\.name)
        #expect(names.count == 4 && staged.pieces.count == 4)
        let sound = try #require(service.bytes(of: names[1], in: TestSupabase.bucket))
        service.put(names[1], [UInt8](repeating: 0, count: sound.count), in: TestSupabase.bucket)
        let ready = staged
        await #expect(throws: BlobStoreError.unavailable("the pieces of an upload are not what they were")) {
            try await bucket.store.publish(ready, as: key)
        }
        service.remove(names[1], in: TestSupabase.bucket)
        await #expect(throws: BlobStoreError.unavailable("a piece of an upload is gone")) {
            try await bucket.store.publish(ready, as: key)
        }
        service.put(names[1], sound, in: TestSupabase.bucket)
        try await bucket.store.publish(ready, as: key, contentType: "audio/wav")
        try await bucket.store.discard(ready, as: key, isPublished: true)
        try Self.expectStored(Self.large, bucket)
    }
}
