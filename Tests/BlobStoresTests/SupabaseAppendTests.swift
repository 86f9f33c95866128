import CustodeCore
import CustodeTesting
import NIOCore
import Testing

@testable import BlobStores

@Suite("resumable uploads into a Supabase bucket when things go wrong")
struct SupabaseAppendTests {
    private static let piece = "POST /storage/v1/object/recordings/.custode/uploads"

    private func append(
        _ bytes: [UInt8], to staged: StagedBlob, _ store: SupabaseStore, isWhole: Bool = false
    ) async throws -> StagedBlob {
        var staged = staged
        staged.epoch += 1
        let append = try await store.resume(staged, as: key("1"), expectedSize: nil)
        do {
            for part in S3UploadTests.pieces(bytes) { try await append.write(ByteBuffer(bytes: part)) }
            let sealed = try await append.seal(isWhole: isWhole)
            await append.settle(sealed)
            await append.close()
            return sealed
        } catch {
            await append.close()
            throw error
        }
    }

    private func nothing() -> StagedBlob { StagedBlob(id: UploadID(random: RealRandom())) }

    private func staged(_ service: SupabaseStandIn) -> [String] {
        service.objects(in: TestSupabase.bucket).map(\.name).filter { $0.hasPrefix(StagedBlob.folder) }
    }

    @Test("a piece whose reply was lost is stored once; one that is refused fails, and nothing of it stays")
    func mishaps() async throws {
        // On a machine as busy as one likes.
        let (bucket, proxy) = try await TestSupabase.proxied(patience: .seconds(60))
        let service = try #require(bucket.service)
        let bytes = Sample.noise(13 << 20)
        proxy.loseReply(matching: Self.piece, skipping: 1)
        let sealed = try await append(bytes, to: nothing(), bucket.store, isWhole: true)
        #expect(staged(service).count == 3)
        try await bucket.store.publish(sealed, as: key("1"))
        #expect(Sample.firstDifference(try await bucket.store.bytes(key("1").text), bytes) == nil)
        try await bucket.store.discard(sealed, as: key("1"), isPublished: true)
        #expect(staged(service) == [])
        proxy.answer(matching: Self.piece, with: .supabase(400, "403", "AccessDenied"), skipping: 1)
        await #expect(throws: BlobStoreError.self) { try await append(bytes, to: nothing(), bucket.store) }
        #expect(staged(service) == [])
    }

    @Test("a page that says 200 in the service's place is never taken for a piece that was stored")
    func portal() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        proxy.answer(matching: Self.piece, with: .page(200))
        await #expect(throws: BlobStoreError.self) { try await append([1, 2, 3], to: nothing(), bucket.store) }
    }

    @Test("what is sealed after a piece failed is never told to be whole")
    func hole() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied(patience: .seconds(60))
        proxy.answer(matching: Self.piece, with: .supabase(400, "403", "AccessDenied"), times: 1)
        let append = try await bucket.store.resume(nothing(), as: key("1"), expectedSize: nil)
        var failure: BlobStoreError?
        for part in S3UploadTests.pieces(Sample.noise(26 << 20)) {
            do throws(BlobStoreError) { try await append.write(ByteBuffer(bytes: part)) } catch { failure = error }
        }
        #expect(failure != nil)
        await #expect(throws: BlobStoreError.self) { try await append.seal(isWhole: false) }
        await append.close()
        #expect(staged(try #require(bucket.service)) == [])
    }

    /// What may become of a piece behind our back.
    enum Loss: CaseIterable { case gone, shorter, other, bytes }

    @Test("pieces that were lost or changed behind our back are told, and never published", arguments: Loss.allCases)
    func lost(_ loss: Loss) async throws {
        let bucket = try await TestSupabase.make()
        let service = try #require(bucket.service)
        let sealed = try await append(Sample.noise(13 << 20), to: nothing(), bucket.store, isWhole: true)
        let name = try #require(staged(service).last)
        let old = try #require(service.bytes(of: name, in: TestSupabase.bucket))
        switch loss {
        case .gone: service.remove(name, in: TestSupabase.bucket)
        case .shorter: service.put(name, old.dropLast(), in: TestSupabase.bucket)
        case .other: service.put(name, Sample.noise(old.count, seed: 9), in: TestSupabase.bucket)
        case .bytes: service.loseBytes(of: name, in: TestSupabase.bucket)
        }
        let error = await #expect(throws: BlobStoreError.self) { try await bucket.store.publish(sealed, as: key("1")) }
        #expect(error != .absent && error != .keyTaken)
        #expect(service.bytes(of: try key("1").text, in: TestSupabase.bucket) == nil)
        #expect(service.openUploads.isEmpty)
    }

    @Test("a publication whose reply is lost is found to be made, and is not made twice", arguments: [3, 13 << 20])
    func publication(_ size: Int) async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let service = try #require(bucket.service)
        let bytes = Sample.noise(size)
        let sealed = try await append(bytes, to: nothing(), bucket.store, isWhole: true)
        proxy.loseReply(matching: "POST /storage/v1/object/recordings/users")
        proxy.loseReply(matching: "PATCH ", skipping: 2)
        async let other: Void = bucket.store.publish(sealed, as: key("1"))
        try await bucket.store.publish(sealed, as: key("1"))
        try await other
        let stored = try #require(service.bytes(of: key("1").text, in: TestSupabase.bucket))
        #expect(Sample.firstDifference(stored, bytes) == nil)
        let version = service.objects(in: TestSupabase.bucket).last?.version
        try await bucket.store.publish(sealed, as: key("1"))
        #expect(service.objects(in: TestSupabase.bucket).last?.version == version)
        #expect(service.openUploads.isEmpty)
    }

    @Test("small pieces that are put together lose no byte, also when that is interrupted")
    func merging() async throws {
        let (bucket, proxy) = try await TestSupabase.proxied()
        let service = try #require(bucket.service)
        var (sealed, bytes): (StagedBlob, [UInt8]) = (nothing(), [])
        for number in 1...30 {
            let part = Sample.noise(1_000 + number, seed: UInt32(number))
            if number == 13 {
                proxy.answer(matching: Self.piece, with: .page(200), times: 1)
                await #expect(throws: BlobStoreError.self) { try await append(part, to: sealed, bucket.store) }
                sealed.epoch += 1
            }
            sealed = try await append(part, to: sealed, bucket.store)
            bytes += part
        }
        #expect(staged(service).count == sealed.pieces.count && sealed.pieces.count < 20)
        sealed = try await append([], to: sealed, bucket.store, isWhole: true)
        try await bucket.store.publish(sealed, as: key("1"))
        #expect(Sample.firstDifference(try await bucket.store.bytes(key("1").text), bytes) == nil)
    }
}
