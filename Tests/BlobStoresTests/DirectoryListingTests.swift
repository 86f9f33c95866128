import CustodeCore
import CustodeTesting
import Foundation
import Glibc
import Synchronization
import Testing

@testable import BlobStores

@Suite("a listing of a directory")
struct DirectoryListingTests {
    /// Names whose order is another once they are parts of keys, files and directories.
    private func fill(_ bucket: TestBucket) throws -> [String] {
        let names = (0..<300).map { String(repeating: "ab-.Z"[$0 % 5], count: $0 % 9 + 1) + String($0) }
        let keys = names.enumerated().map { $0 % 3 == 0 ? "jobs/\($1)/x" : "jobs/\($1)" }
        for key in keys { try bucket.write("", to: key) }
        return keys
    }

    @Test(
        "a directory with more names than are kept is told whole, once and in order",
        arguments: [1, 40, 1_000, 5_000, 100_000])
    func windows(size: Int) async throws {
        let bucket = try TestBucket(calls: .system, window: size)
        let keys = try fill(bucket)
        #expect(try await bucket.store.keys() == bytes(keys).sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test("names that a directory gives twice are told once")
    func twice() async throws {
        var calls = FileSystemCalls.system
        calls.entries = { directory, space in
            let half = space.count / 2
            let count = FileSystemCalls.system.entries(
                directory, UnsafeMutableRawBufferPointer(rebasing: space[..<half]))
            guard count > 0, let base = space.baseAddress else { return count }
            memcpy(base + count, base, count)
            return 2 * count
        }
        for size in [200, 100_000] {
            let bucket = try TestBucket(calls: calls, window: size)
            let keys = try fill(bucket)
            #expect(try await bucket.store.keys() == bytes(keys).sorted { $0.lexicographicallyPrecedes($1) })
        }
    }

    @Test("a file system that does not tell the kinds of entries is asked for them")
    func unknownKinds() async throws {
        var calls = FileSystemCalls.system
        calls.entries = { directory, space in
            let count = FileSystemCalls.system.entries(directory, space)
            var place = 0
            while place < count {
                space.storeBytes(of: UInt8(DT_UNKNOWN), toByteOffset: place + 18, as: UInt8.self)
                place += Int(space.load(fromByteOffset: place + 16, as: UInt16.self))
            }
            return count
        }
        let bucket = try TestBucket(calls: calls)
        let keys = try fill(bucket)
        try FileManager.default.createSymbolicLink(atPath: bucket.path("link"), withDestinationPath: "jobs")
        #expect(try await bucket.store.keys() == bytes(keys).sorted { $0.lexicographicallyPrecedes($1) })
    }

    @Test("symbolic links and special files are neither told nor followed")
    func links() async throws {
        let outside = try TestFolder()
        try Data("secret".utf8).write(to: URL(filePath: outside.path + "/secret"))
        let bucket = try TestBucket()
        try bucket.write("", to: "users/a")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: bucket.path("out"), withDestinationPath: outside.path)
        try files.createSymbolicLink(atPath: bucket.path("users/b"), withDestinationPath: "a")
        try files.createSymbolicLink(atPath: bucket.path("users/self"), withDestinationPath: "../users")
        #expect(mkfifo(bucket.path("users/fifo"), 0o644) == 0)
        #expect(try await bucket.store.keys() == bytes(["users/a"]))
        for prefix in ["out/", "users/self/", "users/a/"] {
            #expect(try await bucket.store.keys(ListingScope(prefix: prefix)) == [], "\(prefix)")
        }
        #expect(
            try await bucket.store.facts(of: ["out/secret", "users/b", "users/self/a", "users/fifo"]) == [
                nil, nil, nil, nil,
            ])
    }

    @Test("a directory that a symbolic link takes the place of before it is opened is not followed")
    func swapped() async throws {
        let outside = try TestFolder()
        try Data("secret".utf8).write(to: URL(filePath: outside.path + "/secret"))
        var calls = FileSystemCalls.system
        calls.open = { directory, name in
            _ = renameat(directory, name, directory, "gone")
            symlinkat(outside.path, directory, name)
            return FileSystemCalls.system.open(directory, name)
        }
        let bucket = try TestBucket(calls: calls)
        try bucket.write("", to: "users/a")
        await #expect(throws: BlobStoreError.self) { try await bucket.store.keys() }
    }

    @Test("a file that a symbolic link takes the place of before it is looked at is not told")
    func swappedFile() async throws {
        var calls = FileSystemCalls.system
        calls.status = { directory, name, facts in
            if String(cString: name) == "b" {
                unlinkat(directory, name, 0)
                symlinkat("a", directory, name)
            }
            return FileSystemCalls.system.status(directory, name, &facts)
        }
        let bucket = try TestBucket(calls: calls)
        for key in ["a", "b", "c"] { try bucket.write("", to: key) }
        #expect(try await bucket.store.keys() == bytes(["a", "c"]))
    }

    /// One call on one name fails.
    private func failing(_ call: String, on name: String, _ code: Int32) -> FileSystemCalls {
        var calls = FileSystemCalls.system
        let path: @Sendable (Int32) -> String? = {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        calls.open = { directory, file in
            if call == "open", String(cString: file) == name { return -code }
            return FileSystemCalls.system.open(directory, file)
        }
        calls.status = { directory, file, facts in
            if call == "status", String(cString: file) == name { return -code }
            return FileSystemCalls.system.status(directory, file, &facts)
        }
        calls.entries = { directory, space in
            if call == "entries", path(directory)?.hasSuffix("/" + name) == true { return -Int(code) }
            return FileSystemCalls.system.entries(directory, space)
        }
        return calls
    }

    @Test(
        "what cannot be read makes a listing fail, and it stays failed",
        arguments: [("open", "b"), ("entries", "b"), ("status", "2")], [EIO, EACCES, EMFILE])
    func faults(_ fault: (call: String, name: String), code: Int32) async throws {
        let bucket = try TestBucket(calls: failing(fault.call, on: fault.name, code))
        for key in ["a/1", "b/2", "c/3"] { try bucket.write("", to: key) }
        let listing = bucket.store.list(ListingScope())
        for _ in 0..<3 {
            await #expect(throws: BlobStoreError.self) { _ = try await listing.next() }
        }
    }

    @Test(
        "what goes while a listing is under way is passed over",
        arguments: [("open", "b"), ("entries", "b"), ("status", "2")])
    func vanished(_ fault: (call: String, name: String)) async throws {
        let bucket = try TestBucket(calls: failing(fault.call, on: fault.name, ENOENT))
        for key in ["a/1", "b/2", "c/3"] { try bucket.write("", to: key) }
        #expect(try await bucket.store.keys() == bytes(["a/1", "c/3"]))
    }

    @Test("a bucket that was removed is not an empty one", arguments: ["", "users/"])
    func removedBucket(prefix: String) async throws {
        let bucket = try TestBucket()
        bucket.folder.remove()
        await #expect(throws: BlobStoreError.self) { try await bucket.store.keys(ListingScope(prefix: prefix)) }
    }

    @Test(
        "a prefix that is no path of a directory is refused", arguments: ["users", "/", "../", "a//b/", "./", "a/../"])
    func prefixes(prefix: String) async throws {
        let bucket = try TestBucket()
        try bucket.write("", to: "users/a")
        await #expect(throws: BlobStoreError.self) { try await bucket.store.keys(ListingScope(prefix: prefix)) }
    }

    @Test("excluded folders are not even entered")
    func excluded() async throws {
        let bucket = try TestBucket(calls: failing("open", on: ".trash", EIO))
        for key in [".trash/1", "users/.trash-/2"] { try bucket.write("", to: key) }
        await #expect(throws: BlobStoreError.self) { try await bucket.store.keys() }
        #expect(
            try await bucket.store.keys(ListingScope(excluding: [".trash/", ".custode/"]))
                == bytes(["users/.trash-/2"]))
    }

    @Test("files whose names are no UTF-8, or lie below one, are counted and not told")
    func unreadable() async throws {
        let bucket = try TestBucket()
        for key in ["a", "z/1"] { try bucket.write("", to: key) }
        let root = bucket.folder.path + "/"
        for name in [[0x62, 0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80]] as [[UInt8]] {
            let path = (Array(root.utf8) + name + [0]).map(CChar.init(bitPattern:))
            #expect(close(open(path, O_CREAT | O_WRONLY, 0o640)) == 0)
        }
        let folder = Array(root.utf8) + [0x6D, 0xFE]
        #expect(mkdir((folder + [0]).map(CChar.init(bitPattern:)), 0o750) == 0)
        let inner = folder + Array("/inner".utf8) + [0]
        #expect(close(open(inner.map(CChar.init(bitPattern:)), O_CREAT | O_WRONLY, 0o640)) == 0)
        let pages = try await bucket.store.pages()
        #expect(pages.flatMap(\.blobs).map(\.key) == ["a", "z/1"])
        #expect(pages.map(\.unreadable).reduce(0, +) == 4)
    }

    @Test("a listing that nobody finishes keeps no descriptor, and walks no further than a few pages")
    func abandoned() async throws {
        let asked = Counter()
        var calls = FileSystemCalls.system
        calls.status = { directory, name, facts in
            asked.add()
            return FileSystemCalls.system.status(directory, name, &facts)
        }
        let bucket = try TestBucket(calls: calls)
        let count = DirectoryWalk.pageSize * 5
        #expect(mkdir(bucket.path("a"), 0o750) == 0)
        for number in 0..<count { #expect(close(open(bucket.path("a/\(number)"), O_CREAT | O_WRONLY, 0o640)) == 0) }
        let open: @Sendable () throws -> Int = {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { name in
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
                return target == bucket.path("a")
            }.count
        }
        do {
            let listing = bucket.store.list(ListingScope())
            #expect(try await listing.next()?.blobs.count == DirectoryWalk.pageSize)
            #expect(try await eventually { asked.count >= 3 * DirectoryWalk.pageSize })
            #expect(try open() == 1)
        }
        #expect(try await eventually { try open() == 0 })
        #expect(asked.count < count)
    }
}

/// Counts what happens on any thread.
final class Counter: Sendable {
    private let value = Mutex(0)

    var count: Int { value.withLock { $0 } }

    func add() { value.withLock { $0 += 1 } }
}

extension String {
    /// The character at a place.
    fileprivate subscript(place: Int) -> Character { self[index(startIndex, offsetBy: place)] }
}
