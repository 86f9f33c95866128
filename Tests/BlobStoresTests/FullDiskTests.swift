import BlobStores
import CustodeCore
import CustodeTesting
import Glibc
import NIOCore
import NIOPosix
import Testing

@Suite("a disk that is full", .enabled(if: geteuid() == 0, "mounting a small disk takes root"))
struct FullDiskTests {
    /// A store on a disk of 1 MiB.
    private func smallDisk(_ options: String = "") throws -> (store: DirectoryStore, folder: TestFolder) {
        let folder = try TestFolder()
        try #require(mount("tmpfs", folder.path, "tmpfs", 0, "size=1m,mode=755" + options) == 0, "errno \(errno)")
        Reaper.shared.unmount(folder.path)
        return (try DirectoryStore(path: folder.path, threads: .singleton), folder)
    }

    private func freeBytes(_ folder: TestFolder) -> Int {
        var facts = statvfs()
        statvfs(folder.path, &facts)
        return Int(facts.f_bavail) * Int(facts.f_frsize)
    }

    /// Writes 64 KiB at a time; returns what stopped it, if anything did.
    private func fill(_ upload: any BlobUpload, pieces: Int) async -> BlobStoreError? {
        do throws(BlobStoreError) {
            for _ in 0..<pieces { try await upload.write(ByteBuffer(bytes: [UInt8](repeating: 7, count: 65_536))) }
            _ = try await upload.seal()
            return nil
        } catch {
            return error
        }
    }

    @Test("a body that does not fit fails for want of room, and its room is back afterwards")
    func noRoom() async throws {
        let (store, folder) = try smallDisk()
        let before = freeBytes(folder)
        for pieces in [17, 200] {
            let upload = try await store.beginUpload(as: key("1"), expectedSize: nil)
            #expect(await fill(upload, pieces: pieces) == .noRoom)
            await upload.discard()
            #expect(freeBytes(folder) == before)
            #expect(TestFolder.files(below: folder.path).isEmpty)
        }
        _ = try await store.put([[UInt8](repeating: 1, count: 500_000)], as: key("1"))
        #expect(try await store.bytes(key("1").text).count == 500_000)
    }

    @Test("after a write that failed nothing more is taken, and a seal fails as well")
    func failureStays() async throws {
        let (store, _) = try smallDisk()
        let upload = try await store.beginUpload(as: key("1"), expectedSize: nil)
        #expect(await fill(upload, pieces: 40) == .noRoom)
        await #expect(throws: BlobStoreError.noRoom) { try await upload.write(ByteBuffer(bytes: [1])) }
        await #expect(throws: BlobStoreError.noRoom) { try await upload.seal() }
        await upload.discard()
    }

    @Test("a declared size beyond the free room is refused at once, one within it is taken")
    func declared() async throws {
        let (store, folder) = try smallDisk()
        let free = Int64(freeBytes(folder))
        await #expect(throws: BlobStoreError.noRoom) {
            try await store.beginUpload(as: key("1"), expectedSize: free + 1)
        }
        await (try store.beginUpload(as: key("1"), expectedSize: free)).discard()
    }

    @Test("a disk without room for the key's directories fails for want of room, and the object is not there")
    func noRoomForNames() async throws {
        let (store, _) = try smallDisk(",nr_inodes=5")
        let upload = try await store.beginUpload(as: key("1"), expectedSize: 1)
        try await upload.write(ByteBuffer(bytes: [1]))
        _ = try await upload.seal()
        await #expect(throws: BlobStoreError.noRoom) { try await upload.publish(as: key("1")) }
        #expect(await store.refusal(try key("1").text) == .absent)
        await upload.discard()
    }
}
