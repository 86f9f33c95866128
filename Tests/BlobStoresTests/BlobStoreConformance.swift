import BlobStores
import CustodeCore
import CustodeTesting
import NIOCore
import NIOPosix
import Testing

/// A kind of store that must keep the promises of `BlobStore`.
struct StoreUnderTest: Sendable, CustomTestStringConvertible {
    let name: String
    /// Makes an empty store.
    let make: @Sendable () async throws -> (store: any BlobStore, keep: any Sendable)

    var testDescription: String { name }

    static let all = [
        StoreUnderTest(name: "directory") {
            let bucket = try TestBucket()
            return (bucket.store, bucket.folder)
        },
        StoreUnderTest(name: "directory, synced together") {
            let bucket = try TestBucket(syncsTogether: true)
            return (bucket.store, bucket.folder)
        },
        StoreUnderTest(name: "S3") {
            let bucket = try await TestS3.make()
            return (bucket.store, bucket)
        },
        StoreUnderTest(name: "Supabase") {
            let bucket = try await TestSupabase.makeAnywhere()
            return (bucket.store, bucket)
        },
    ]
}

@Suite("what every store promises")
struct BlobStoreConformance {
    @Test(
        "what was written is read, byte for byte, with the size and the SHA-256 that the seal told",
        arguments: StoreUnderTest.all)
    func roundTrip(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let pieces = [[1, 2, 3], [], [4], [UInt8](repeating: 5, count: 100_000)] as [[UInt8]]
        let bytes = Array(pieces.joined())
        let sealed = try await store.put(pieces, as: key("1"))
        #expect(sealed.size == Int64(bytes.count) && sealed.sha256.bytes == SHA256.digest(bytes))
        #expect(try await store.bytes(key("1").text) == bytes)
        withExtendedLifetime(keep) {}
    }

    @Test("an object may be empty", arguments: StoreUnderTest.all)
    func empty(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let sealed = try await store.put([], as: key("1"))
        #expect(sealed.size == 0 && sealed.sha256.bytes == SHA256.digest([]))
        #expect(try await store.open(key("1").text, reading: .whole).size == 0)
        #expect(try await store.put([[], []], as: key("2")).size == 0)
        withExtendedLifetime(keep) {}
    }

    @Test("a body many times larger than what may wait arrives in its order", arguments: StoreUnderTest.all)
    func large(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let pieces = (0..<300).map { number in [UInt8](repeating: UInt8(number % 251), count: 1 + number * 50) }
        let bytes = Array(pieces.joined())
        #expect(bytes.count > 8 * 256 * 1_024)
        let sealed = try await store.put(pieces, as: key("1"))
        #expect(sealed.size == Int64(bytes.count) && sealed.sha256.bytes == SHA256.digest(bytes))
        #expect(try await store.bytes(key("1").text) == bytes)
        withExtendedLifetime(keep) {}
    }

    @Test("one piece larger than what may wait is taken whole", arguments: StoreUnderTest.all)
    func largePiece(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let piece = (0..<1_500_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
        let sealed = try await store.put([piece, [1], piece], as: key("1"))
        #expect(sealed.size == 3_000_001)
        #expect(try await store.bytes(key("1").text) == piece + [1] + piece)
        withExtendedLifetime(keep) {}
    }

    @Test("ranges yield exactly their bytes, at the edges of pieces too", arguments: StoreUnderTest.all)
    func ranges(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let size = 600_000
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 10) }
        _ = try await store.put([bytes], as: key("1"))
        let blob = try await store.open(key("1").text, reading: .whole)
        let piece = 256 * 1_024
        for (first, last) in [
            (0, 0), (0, 9), (5, 5), (0, size - 1), (size - 1, size - 1), (size - 10, size - 1), (piece - 1, piece),
            (piece, 2 * piece - 1), (piece - 1, 2 * piece), (1, size - 2),
        ] {
            let read = try await blob.bytes(ByteRange(first: Int64(first), last: Int64(last)))
            #expect(read == Array(bytes[first...last]), "\(first)-\(last)")
        }
        withExtendedLifetime(keep) {}
    }

    @Test("a range beyond the object is an error, never other bytes", arguments: StoreUnderTest.all)
    func rangeBeyond(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        _ = try await store.put([[1, 2, 3]], as: key("1"))
        let blob = try await store.open(key("1").text, reading: .whole)
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(ByteRange(first: 3, last: 3)) }
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(ByteRange(first: 1, last: 3)) }
        withExtendedLifetime(keep) {}
    }

    @Test("an object that is open may be read several ways at once", arguments: StoreUnderTest.all)
    func parallelReads(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let bytes = (0..<500_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }
        _ = try await store.put([bytes], as: key("1"))
        let blob = try await store.open(key("1").text, reading: .whole)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for start in stride(from: 0, to: 400_000, by: 50_000) {
                group.addTask {
                    try await blob.bytes(ByteRange(first: Int64(start), last: Int64(start + 99_999)))
                        == Array(bytes[start...start + 99_999])
                }
            }
            for try await isRight in group { #expect(isRight) }
        }
        withExtendedLifetime(keep) {}
    }

    @Test("a key is written once: the content of the first stays", arguments: StoreUnderTest.all)
    func keyTaken(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        _ = try await store.put([[1]], as: key("1"))
        let upload = try await store.beginUpload(as: key("1"), expectedSize: 1)
        try await upload.write(ByteBuffer(bytes: [2]))
        _ = try await upload.seal()
        for _ in 0..<2 {
            await #expect(throws: BlobStoreError.keyTaken) { try await upload.publish(as: key("1")) }
            #expect(try await store.bytes(key("1").text) == [1])
        }
        try await upload.publish(as: key("1", suffix: "abc234"))
        #expect(try await store.bytes(key("1").text) == [1])
        #expect(try await store.bytes(key("1", suffix: "abc234").text) == [2], "the bytes stayed for another key")
        withExtendedLifetime(keep) {}
    }

    @Test(
        "an upload of unknown size to a taken key is refused at its beginning or at its end",
        arguments: StoreUnderTest.all)
    func keyTakenForLarge(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        _ = try await store.put([[1]], as: key("1"))
        await #expect(throws: BlobStoreError.keyTaken) { try await store.put([[2]], as: key("1")) }
        #expect(try await store.bytes(key("1").text) == [1])
        withExtendedLifetime(keep) {}
    }

    @Test("a key that holds an empty object is taken as well", arguments: StoreUnderTest.all)
    func emptyKeyTaken(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        _ = try await store.put([], as: key("1"))
        await #expect(throws: BlobStoreError.keyTaken) { try await store.put([[1]], as: key("1")) }
        #expect(try await store.bytes(key("1").text) == [])
        withExtendedLifetime(keep) {}
    }

    @Test(
        "of many publications of one key at once exactly one wins, and its bytes are what is read",
        arguments: StoreUnderTest.all)
    func race(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        for round in 0..<10 {
            let key = try key("\(round)")
            let winners = try await withThrowingTaskGroup(of: UInt8?.self) { group in
                for number in UInt8(0)..<8 {
                    group.addTask {
                        do {
                            _ = try await store.put([[UInt8](repeating: number, count: 1_000)], as: key)
                            return number
                        } catch BlobStoreError.keyTaken {
                            return nil
                        }
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }.compactMap { $0 }
            }
            #expect(winners.count == 1)
            #expect(try await store.bytes(key.text) == [UInt8](repeating: winners.first ?? 99, count: 1_000))
        }
        withExtendedLifetime(keep) {}
    }

    @Test("nothing is visible under a key before it is published", arguments: StoreUnderTest.all)
    func invisible(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let key = try key("1")
        let upload = try await store.beginUpload(as: key, expectedSize: 3)
        #expect(await store.refusal(key.text) == .absent)
        try await upload.write(ByteBuffer(bytes: [1, 2, 3]))
        #expect(await store.refusal(key.text) == .absent)
        _ = try await upload.seal()
        #expect(await store.refusal(key.text) == .absent)
        try await upload.publish(as: key)
        #expect(await store.refusal(key.text) == nil)
        withExtendedLifetime(keep) {}
    }

    @Test(
        "a discarded upload leaves nothing to read, before the seal and after it; discarding twice is harmless",
        arguments: StoreUnderTest.all)
    func discard(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        for isSealed in [false, true] {
            let upload = try await store.beginUpload(as: key("1"), expectedSize: nil)
            try await upload.write(ByteBuffer(bytes: [1]))
            if isSealed { _ = try await upload.seal() }
            await upload.discard()
            await upload.discard()
            #expect(await store.refusal(try key("1").text) == .absent)
        }
        withExtendedLifetime(keep) {}
    }

    @Test("discarding after publication is harmless: the object stays", arguments: StoreUnderTest.all)
    func discardAfterPublishing(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        let upload = try await store.beginUpload(as: key("1"), expectedSize: nil)
        try await upload.write(ByteBuffer(bytes: [1]))
        _ = try await upload.seal()
        try await upload.publish(as: key("1"))
        await upload.discard()
        #expect(try await store.bytes(key("1").text) == [1])
        withExtendedLifetime(keep) {}
    }

    @Test("an object that is not there is absent", arguments: StoreUnderTest.all)
    func absent(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        _ = try await store.put([[1]], as: key("1"))
        let there = try key("1").text
        for key in [
            "", ".", "/", "users", there + "x", String(there.dropLast()), there + "/", there + "/x", "x/" + there,
        ] {
            #expect(await store.refusal(key) == .absent, "\(key)")
        }
        withExtendedLifetime(keep) {}
    }

    @Test("uploads at the same time do not mix", arguments: StoreUnderTest.all)
    func parallelUploads(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in UInt8(0)..<20 {
                group.addTask {
                    _ = try await store.put(
                        [[UInt8]](repeating: [UInt8](repeating: number, count: 10_000), count: 50), as: key("\(number)")
                    )
                }
            }
            try await group.waitForAll()
        }
        for number in UInt8(0)..<20 {
            #expect(try await store.bytes(key("\(number)").text) == [UInt8](repeating: number, count: 500_000))
        }
        withExtendedLifetime(keep) {}
    }

    @Test("a store that is well passes its probe", arguments: StoreUnderTest.all)
    func probe(_ kind: StoreUnderTest) async throws {
        let (store, keep) = try await kind.make()
        try await store.probe()
        withExtendedLifetime(keep) {}
    }
}
