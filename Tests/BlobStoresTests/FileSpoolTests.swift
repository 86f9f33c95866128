import BlobStores
import CustodeCore
import CustodeTesting
import Foundation
import Glibc
import NIOPosix
import Testing

@Suite("a spool that is a file")
struct FileSpoolTests {
    private func blobs(_ range: Range<Int>) -> [ListedBlob] {
        range.map { number in
            let facts = BlobFacts(
                etag: number % 5 == 0 ? "" : "tag-\(number)", size: Int64(number) << 20,
                modified: Timestamp(microseconds: Int64(number) - 7))
            return ListedBlob(key: "users/ü/\(String(repeating: "x", count: number % 300))/\(number)", facts: facts)
        }
    }

    private func all(_ listing: any BlobListing) async throws -> [ListedBlob] {
        var all: [ListedBlob] = []
        while let page = try await listing.next() { all += page.blobs }
        return all
    }

    /// The unnamed file in a folder, if this process has one open.
    private func unnamedFile(in folder: TestFolder) throws -> String? {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").map { "/proc/self/fd/" + $0 }.first {
            let target = try? FileManager.default.destinationOfSymbolicLink(atPath: $0)
            return target?.hasPrefix(folder.path + "/#") == true
        }
    }

    @Test("what was taken is read, in its order, as often as wanted")
    func roundTrip() async throws {
        let folder = try TestFolder()
        let spool = try FileSpool(directory: folder.path, threads: .singleton)
        let taken = blobs(0..<20_000)
        var start = 0
        for count in [0, 1, 2, 9_000, 0, 10_997] {
            try await spool.append(Array(taken[start..<start + count]))
            start += count
        }
        for _ in 0..<3 { #expect(try await all(spool.read()) == taken) }
        let listing = try await spool.read()
        #expect(try await listing.next()?.blobs.count ?? 0 > 1_000)
        #expect(TestFolder.files(below: folder.path).isEmpty)
    }

    @Test("a spool that took nothing has nothing to read")
    func empty() async throws {
        let folder = try TestFolder()
        let spool = try FileSpool(directory: folder.path, threads: .singleton)
        try await spool.append([])
        let listing = try await spool.read()
        for _ in 0..<2 { #expect(try await listing.next() == nil) }
    }

    @Test("a spool that is read takes nothing more")
    func sealed() async throws {
        let folder = try TestFolder()
        let spool = try FileSpool(directory: folder.path, threads: .singleton)
        try await spool.append(blobs(0..<3))
        _ = try await spool.read()
        await #expect(throws: BlobStoreError.self) { try await spool.append(blobs(3..<4)) }
        #expect(try await all(spool.read()) == blobs(0..<3))
    }

    @Test("nobody else may read it, and it goes with the value")
    func secrecy() async throws {
        let folder = try TestFolder()
        do {
            let spool = try FileSpool(directory: folder.path, threads: .singleton)
            var facts = stat()
            #expect(stat(try #require(try unnamedFile(in: folder)), &facts) == 0)
            #expect(facts.st_mode & 0o7777 == 0o600 && facts.st_nlink == 0)
            try await spool.append(blobs(0..<1))
        }
        #expect(try unnamedFile(in: folder) == nil)
    }

    @Test("a file that lost bytes is an error, never fewer entries", arguments: [0, 1, 30_000, 600_000])
    func truncated(size: Int) async throws {
        let folder = try TestFolder()
        let spool = try FileSpool(directory: folder.path, threads: .singleton)
        try await spool.append(blobs(0..<10_000))
        let listing = try await spool.read()
        #expect(truncate(try #require(try unnamedFile(in: folder)), size) == 0)
        await #expect(throws: BlobStoreError.self) { try await all(listing) }
    }

    @Test("a directory that is not there makes no spool")
    func noDirectory() throws {
        let folder = try TestFolder()
        #expect(throws: BlobStoreError.self) {
            try FileSpool(directory: folder.path + "/missing", threads: .singleton)
        }
    }

    @Test(
        "entries that do not fit fail for want of room, and the spool stays failed",
        .enabled(if: geteuid() == 0, "mounting a small disk takes root"))
    func noRoom() async throws {
        let folder = try TestFolder()
        try #require(mount("tmpfs", folder.path, "tmpfs", 0, "size=1m,mode=755") == 0, "errno \(errno)")
        Reaper.shared.unmount(folder.path)
        let spool = try FileSpool(directory: folder.path, threads: .singleton)
        let full = BlobStoreError.unavailable(
            "cannot write a temporary file in the state directory \(folder.path): No space left on device")
        await #expect(throws: full) { try await spool.append(blobs(0..<20_000)) }
        await #expect(throws: full) { try await spool.append(blobs(0..<1)) }
        await #expect(throws: full) { _ = try await spool.read() }
    }
}
