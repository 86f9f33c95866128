import CustodeCore
import NIOCore
import Synchronization
import Testing

@testable import BlobStores

@Suite("Uploads that are made durable together")
struct GroupSyncTests {
    /// Counts syncs, and lets some of them fail.
    private final class Syncs: Sendable {
        let count = Mutex(0)
        let failing: Range<Int>

        init(failing: Range<Int> = 0..<0) { self.failing = failing }

        var calls: FileSystemCalls {
            var calls = FileSystemCalls.system
            calls.syncAll = { [self] descriptor in
                let number = count.withLock { count in
                    count += 1
                    return count
                }
                return failing.contains(number) ? -5 : FileSystemCalls.system.syncAll(descriptor)
            }
            return calls
        }
    }

    @Test("many at once cost few syncs, and each is there")
    func shared() async throws {
        let syncs = Syncs()
        let bucket = try TestBucket(syncsTogether: true, calls: syncs.calls)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask { _ = try await bucket.store.put([[1, 2, 3]], as: key("\(number)")) }
            }
            try await group.waitForAll()
        }
        #expect(bucket.files.count == 200)
        #expect(syncs.count.withLock { $0 } < 200, "two for each would be 400")
    }

    @Test("a key appears only after a sync that began when all bytes were written")
    func order() async throws {
        let syncs = Syncs()
        let bucket = try TestBucket(syncsTogether: true, calls: syncs.calls)
        let upload = try await bucket.store.beginUpload(as: key("1"), contentType: "text/plain", expectedSize: nil)
        try await upload.write(ByteBuffer(bytes: [1, 2, 3]))
        #expect(syncs.count.withLock { $0 } == 0)
        _ = try await upload.seal()
        #expect(syncs.count.withLock { $0 } == 1 && bucket.files.isEmpty)
        try await upload.publish(as: key("1"))
        #expect(syncs.count.withLock { $0 } == 2 && bucket.files.count == 1)
        await upload.discard()
    }

    @Test("a sync that fails fails whoever shared it: before the key appears nothing is there, after it nobody knows")
    func failing() async throws {
        let first = try TestBucket(syncsTogether: true, calls: Syncs(failing: 1..<2).calls)
        await #expect(throws: BlobStoreError.self) { try await first.store.put([[1]], as: key("1")) }
        #expect(first.files.isEmpty)
        let second = try TestBucket(syncsTogether: true, calls: Syncs(failing: 2..<3).calls)
        let error = await #expect(throws: BlobStoreError.self) { try await second.store.put([[1]], as: key("1")) }
        guard case .unsettled? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        // The kernel tells of a lost page once: whose it was nobody knows, and none after it is believed.
        await #expect(throws: BlobStoreError.self) { try await second.store.put([[1]], as: key("2")) }
    }

    @Test("a write-back that failed under a sync of others is not told as durable later")
    func swallowed() async throws {
        // The first sync writes out both files, and says of one failure; the kernel has told it then (errseq_t, once per
        // open file description), takes both for clean, and the second sync has nothing to say.
        let count = Mutex(0)
        var calls = FileSystemCalls.system
        calls.syncAll = { descriptor in
            let number = count.withLock { count in
                count += 1
                return count
            }
            return number == 1 ? -5 : FileSystemCalls.system.syncAll(descriptor)
        }
        let bucket = try TestBucket(syncsTogether: true, calls: calls)
        let a = try await bucket.store.beginUpload(as: key("a"), contentType: "text/plain", expectedSize: nil)
        let b = try await bucket.store.beginUpload(as: key("b"), contentType: "text/plain", expectedSize: nil)
        try await a.write(ByteBuffer(bytes: [1, 2, 3]))
        try await b.write(ByteBuffer(bytes: [4, 5, 6]))
        await #expect(throws: BlobStoreError.self) { _ = try await a.seal() }
        await #expect(throws: BlobStoreError.self, "b's bytes were dirty under the sync that failed") {
            _ = try await b.seal()
            try await b.publish(as: key("b"))
        }
        await a.discard()
        await b.discard()
    }
}
