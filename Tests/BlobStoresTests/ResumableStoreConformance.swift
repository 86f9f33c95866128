import CustodeCore
import CustodeTesting
import NIOCore
import NIOPosix
import Testing

@testable import BlobStores

/// A kind of store that must keep the promises of `ResumableStore`.
struct ResumableStoreUnderTest: Sendable, CustomTestStringConvertible {
    let name: String
    /// Makes an empty store.
    let make: @Sendable () async throws -> (store: any ResumableStore, keep: any Sendable)

    var testDescription: String { name }

    static let all = [
        ResumableStoreUnderTest(name: "directory") {
            let bucket = try TestBucket()
            return (bucket.store, bucket.folder)
        },
        ResumableStoreUnderTest(name: "S3") {
            let bucket = try await TestS3.make()
            return (bucket.store, bucket)
        },
        ResumableStoreUnderTest(name: "Supabase") {
            let bucket = try await TestSupabase.makeAnywhere()
            return (bucket.store, bucket)
        },
    ]
}

@Suite("what every store promises of uploads that come in several requests")
struct ResumableStoreConformance {
    private static let random = RealRandom()

    /// Appends bytes in a request of its own and returns what is to be recorded.
    private static func append(
        _ bytes: [UInt8], to staged: StagedBlob, _ store: any ResumableStore, as key: ObjectKey?,
        isWhole: Bool = false, isRecorded: Bool = true
    ) async throws -> StagedBlob {
        var staged = staged
        staged.epoch += 1
        let append = try await store.resume(staged, as: key, expectedSize: nil)
        for start in stride(from: 0, to: bytes.count, by: 100_000) {
            try await append.write(ByteBuffer(bytes: bytes[start..<min(start + 100_000, bytes.count)]))
        }
        let sealed = try await append.seal(isWhole: isWhole)
        if isWhole { _ = try append.digest() }
        if isRecorded { await append.settle(sealed) }
        await append.close()
        return sealed
    }

    private static func read(_ blob: any OpenBlob) async throws -> [UInt8] {
        guard blob.size > 0 else { return [] }
        var bytes: [UInt8] = []
        for try await piece in blob.read(ByteRange(first: 0, last: blob.size - 1)) { bytes += piece.readableBytesView }
        return bytes
    }

    @Test(
        "what came in requests of any size is the object, and nothing is to be seen before",
        arguments: ResumableStoreUnderTest.all,
        [[1], [5, 5, 100_000], [9_000_000], [8 << 20, 8 << 20], [3_000_000, 3_000_000, 3_000_000, 7], []])
    func object(_ kind: ResumableStoreUnderTest, sizes: [Int]) async throws {
        let (store, keep) = try await kind.make()
        let target = try key("1")
        var staged = StagedBlob(id: UploadID(random: Self.random))
        var bytes: [UInt8] = []
        for (index, size) in sizes.enumerated() {
            let piece = Sample.noise(size, seed: UInt32(index + 1))
            bytes += piece
            staged = try await Self.append(piece, to: staged, store, as: target, isWhole: index == sizes.count - 1)
            #expect(staged.size == Int64(bytes.count))
            #expect(try await store.facts(of: [target.text]) == [nil])
        }
        if sizes.isEmpty { staged = try await Self.append([], to: staged, store, as: target, isWhole: true) }
        try await store.publish(staged, as: target)
        // Whoever was interrupted does it again.
        try await store.publish(staged, as: target)
        let isSame = try await store.bytes(target.text) == bytes
        #expect(isSame)
        try await store.discard(staged, as: target, isPublished: true)
        let stays = try await store.bytes(target.text) == bytes
        #expect(stays)
        let left = try await store.list(ListingScope(prefix: StagedBlob.folder)).next()?.blobs ?? []
        let unfinished = try await store.unfinished(after: nil)
        #expect(left.isEmpty && unfinished.isEmpty)
        withExtendedLifetime(keep) {}
    }

    @Test("what a request stored and nobody recorded does not count", arguments: ResumableStoreUnderTest.all)
    func unrecorded(_ kind: ResumableStoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let target = try key("1")
        let bytes = Sample.noise(10_000_000)
        let first = try await Self.append(
            Array(bytes[..<1_000_000]), to: StagedBlob(id: UploadID(random: Self.random)), store, as: target)
        var other = first
        other.epoch += 10
        // Ends without a word, as one that was killed.
        _ = try await Self.append(
            [UInt8](repeating: 7, count: 9_500_000), to: other, store, as: target, isRecorded: false)
        var next = first
        next.epoch += 20
        next.nextNumber += 100
        let sealed = try await Self.append(Array(bytes[1_000_000...]), to: next, store, as: target, isWhole: true)
        // Ceph lets go of no part: then it becomes another key's, and nothing stays at the first.
        let isSpoiled = await Self.isTaken(store, sealed, target)
        let place = isSpoiled ? try key("2") : target
        try await store.publish(sealed, as: place)
        let isSame = try await store.bytes(place.text) == bytes
        #expect(isSame)
        try await store.discard(sealed, as: place, isPublished: true)
        if isSpoiled { #expect(try await store.facts(of: [target.text]) == [nil]) }
        withExtendedLifetime(keep) {}
    }

    private static func isTaken(_ store: any ResumableStore, _ staged: StagedBlob, _ key: ObjectKey) async -> Bool {
        do {
            try await store.publish(staged, as: key)
            return false
        } catch {
            return error == .keyTaken
        }
    }

    @Test("another's object at the key stays", arguments: ResumableStoreUnderTest.all)
    func taken(_ kind: ResumableStoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let target = try key("1")
        let staged = try await Self.append(
            [1, 2, 3], to: StagedBlob(id: UploadID(random: Self.random)), store, as: target, isWhole: true)
        _ = try await store.put([[9]], as: target)
        await #expect(throws: BlobStoreError.keyTaken) { try await store.publish(staged, as: target) }
        #expect(try await store.bytes(target.text) == [9])
        withExtendedLifetime(keep) {}
    }

    @Test("a partial upload is read when it is whole, and goes without a trace", arguments: ResumableStoreUnderTest.all)
    func partial(_ kind: ResumableStoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let bytes = Sample.noise(9_000_000)
        var staged = StagedBlob(id: UploadID(random: Self.random))
        staged = try await Self.append(Array(bytes[..<500]), to: staged, store, as: nil)
        staged = try await Self.append(Array(bytes[500...]), to: staged, store, as: nil, isWhole: true)
        try await store.publish(staged, as: nil)
        let isSame = try await Self.read(store.read(staged)) == bytes
        #expect(isSame)
        try await store.discard(staged, as: nil, isPublished: false)
        #expect(try await store.list(ListingScope(prefix: StagedBlob.folder)).next()?.blobs.isEmpty ?? true)
        withExtendedLifetime(keep) {}
    }

    @Test("only what is kept of uploads can be removed as such", arguments: ResumableStoreUnderTest.all)
    func removal(_ kind: ResumableStoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let target = try key("1")
        _ = try await store.put([[9]], as: target)
        let failures = await store.removeStaged([target.text, ".custode/identity.json"])
        #expect(failures.allSatisfy { $0 != nil })
        #expect(try await store.bytes(target.text) == [9])
        withExtendedLifetime(keep) {}
    }
}
