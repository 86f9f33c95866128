import BlobStores
import CustodeCore
import CustodeTesting
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Testing

@Suite("a bucket that is a directory")
struct DirectoryStoreTests {
    private static let secret = "not yours"

    /// A folder outside the bucket that holds what must not be reached.
    private func outside() throws -> TestFolder {
        let folder = try TestFolder()
        try Data(Self.secret.utf8).write(to: URL(filePath: folder.path + "/transcript.txt"))
        return folder
    }

    @Test("an object lies at its key, readable to the group and to nobody else")
    func layout() async throws {
        let bucket = try TestBucket()
        _ = try await bucket.store.put([[1]], as: key("42", user: "auth0|alice"))
        #expect(bucket.files == ["users/auth0=7calice/jobs/42/output/transcript.txt"])
        var facts = stat()
        #expect(stat(bucket.path(bucket.files[0]), &facts) == 0)
        #expect(facts.st_mode & 0o7777 == 0o640 && facts.st_nlink == 1)
        #expect(stat(bucket.path("users"), &facts) == 0 && facts.st_mode & 0o7 == 0)
    }

    @Test("an upload under way or discarded leaves no file in the directory, after a seal or a key that was taken too")
    func nothingLeft() async throws {
        let bucket = try TestBucket()
        _ = try await bucket.store.put([[1]], as: key("1"))
        let before = bucket.files
        for steps in 0..<4 {
            let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: nil)
            if steps > 0 { try await upload.write(ByteBuffer(bytes: [2])) }
            if steps > 1 { _ = try await upload.seal() }
            if steps > 2 { await #expect(throws: BlobStoreError.keyTaken) { try await upload.publish(as: key("1")) } }
            #expect(bucket.files == before)
            await upload.discard()
            #expect(bucket.files == before)
        }
    }

    @Test("an upload that nobody ends keeps no descriptor")
    func forgotten() async throws {
        let bucket = try TestBucket()
        let unnamed: @Sendable () throws -> Int = {
            try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { name in
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name)
                return target?.hasPrefix(bucket.folder.path + "/#") == true
            }.count
        }
        do {
            let upload = try await bucket.store.beginUpload(as: key("1"), expectedSize: nil)
            try await upload.write(ByteBuffer(bytes: [1]))
            #expect(try unnamed() == 1)
            _ = try await upload.seal()
        }
        #expect(try await eventually { try unnamed() == 0 })
    }

    @Test("a symbolic link is never followed, at whichever part of the key it was planted", arguments: 0..<6)
    func symbolicLinks(place: Int) async throws {
        let outside = try outside()
        let bucket = try TestBucket()
        let key = try key("42")
        let parts = key.text.split(separator: "/").map(String.init)
        let upper = parts.prefix(place).joined(separator: "/")
        if place > 0 {
            try FileManager.default.createDirectory(atPath: bucket.path(upper), withIntermediateDirectories: true)
        }
        // Behind the link the rest of the key leads to the secret.
        var target = outside.path
        for part in parts[(place + 1)...].dropLast() {
            target += "/" + part
            try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
        }
        if place < 5 {
            try Data(Self.secret.utf8).write(to: URL(filePath: target + "/transcript.txt"))
        }
        let before = TestFolder.files(below: outside.path)
        let destination = place < 5 ? outside.path : outside.path + "/transcript.txt"
        try FileManager.default.createSymbolicLink(
            atPath: bucket.path(parts.prefix(place + 1).joined(separator: "/")), withDestinationPath: destination)

        #expect(await bucket.store.refusal(key.text) == .absent)
        let error = await #expect(throws: BlobStoreError.self) { try await bucket.store.put([[1]], as: key) }
        #expect(error != .absent)
        #expect(TestFolder.files(below: outside.path) == before, "something was written behind the link")
        #expect(try String(contentsOfFile: outside.path + "/transcript.txt", encoding: .utf8) == Self.secret)
    }

    @Test("a symbolic link that leads back into the bucket is not followed either")
    func inwardLink() async throws {
        let bucket = try TestBucket()
        _ = try await bucket.store.put([[1]], as: key("1"))
        let folder = "users/alice/jobs/1/output"
        try FileManager.default.createSymbolicLink(
            atPath: bucket.path("\(folder)/link.txt"), withDestinationPath: "transcript.txt")
        try FileManager.default.createSymbolicLink(atPath: bucket.path("users/bob"), withDestinationPath: "alice")
        #expect(await bucket.store.refusal("\(folder)/link.txt") == .absent)
        #expect(await bucket.store.refusal("users/bob/jobs/1/output/transcript.txt") == .absent)
        await #expect(throws: BlobStoreError.self) { try await bucket.store.put([[1]], as: key("2", user: "bob")) }
        #expect(bucket.files.filter { $0.hasSuffix("transcript.txt") }.count == 1)
    }

    @Test("nothing outside the root is reached by a name: absolute, climbing or through /proc")
    func names() async throws {
        let outside = try outside()
        let bucket = try TestBucket()
        _ = try await bucket.store.put([[1]], as: key("1"))
        let up = String(repeating: "../", count: 20)
        for name in [
            outside.path + "/transcript.txt", "/etc/passwd", "//etc/passwd", "\(up)etc/passwd", "..", "../", "./..",
            "users/../../" + (outside.path.split(separator: "/").last ?? "") + "/transcript.txt",
            "users/alice/\(up)etc/passwd", "/proc/self/fd/0", "\(up)proc/self/environ",
        ] {
            #expect(await bucket.store.refusal(name) == .absent, "\(name)")
        }
    }

    @Test("a NUL in a name does not cut it short")
    func nul() async throws {
        let bucket = try TestBucket()
        _ = try await bucket.store.put([[1]], as: key("1"))
        let there = try key("1").text
        for name in [there + "\0", there + "\0.txt", "\0" + there, "users\0/" + there] {
            #expect(await bucket.store.refusal(name) == .absent)
        }
    }

    @Test("a name longer than a path may be is absent")
    func longName() async throws {
        let bucket = try TestBucket()
        #expect(await bucket.store.refusal(String(repeating: "a", count: 300)) == .absent)
        #expect(await bucket.store.refusal(String(repeating: "a/", count: 3_000)) == .absent)
    }

    @Test("what is no regular file is no object, and is not waited for: directory, FIFO, socket")
    func oddFiles() async throws {
        let bucket = try TestBucket()
        try FileManager.default.createDirectory(
            atPath: bucket.path("users/alice/jobs/1/output/transcript.txt"), withIntermediateDirectories: true)
        #expect(await bucket.store.refusal(try key("1").text) == .absent)
        await #expect(throws: BlobStoreError.keyTaken) { try await bucket.store.put([[1]], as: key("1")) }

        let fifo = "users/alice/jobs/1/output/fifo.txt"
        #expect(mkfifo(bucket.path(fifo), 0o644) == 0)
        #expect(await bucket.store.refusal(fifo) == .absent)
    }

    @Test("a socket at a key is no object")
    func socketAtKey() async throws {
        let bucket = try TestBucket()
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bucket.path("socket").utf8) }
        let bound = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        #expect(await bucket.store.refusal("socket") == .absent)
    }

    @Test("a file where the key wants a directory is a fault of the bucket, and stays as it is")
    func fileInTheWay() async throws {
        let bucket = try TestBucket()
        try bucket.write("in the way", to: "users/alice/jobs")
        await #expect(throws: BlobStoreError.self) { try await bucket.store.put([[1]], as: key("1")) }
        #expect(bucket.files == ["users/alice/jobs"])
    }

    @Test("a directory that is no bucket cannot be opened")
    func notABucket() throws {
        let folder = try TestFolder()
        try Data().write(to: URL(filePath: folder.path + "/file"))
        for path in [folder.path + "/missing", folder.path + "/file", ""] {
            #expect(throws: BlobStoreError.self) { try DirectoryStore(path: path, threads: .singleton) }
        }
    }

    @Test("a bucket that is removed under the service fails its probe")
    func removedBucket() async throws {
        let bucket = try TestBucket()
        bucket.folder.remove()
        await #expect(throws: BlobStoreError.self) { try await bucket.store.probe() }
        await #expect(throws: BlobStoreError.self) { try await bucket.store.put([[1]], as: key("1")) }
    }

    @Test("a declared size that cannot fit is refused at once")
    func declaredSize() async throws {
        let bucket = try TestBucket()
        for size in [Int64.max, 1 << 60] {
            await #expect(throws: BlobStoreError.noRoom) {
                try await bucket.store.beginUpload(as: key("1"), expectedSize: size)
            }
        }
        await (try bucket.store.beginUpload(as: key("1"), expectedSize: 1_000)).discard()
    }

    @Test("directories that were removed meanwhile are made again, with what was remembered of them")
    func removedDirectories() async throws {
        let bucket = try TestBucket()
        _ = try await bucket.store.put([[1]], as: key("1"))
        for gone in ["users/alice/jobs/1/output", "users/alice/jobs/1", "users/alice", "users"] {
            try FileManager.default.removeItem(atPath: bucket.path(gone))
            _ = try await bucket.store.put([[2]], as: key("1"))
            #expect(try await bucket.store.bytes(key("1").text) == [2])
            _ = try await bucket.store.put([[3]], as: key("1", suffix: "abc234"))
            #expect(bucket.files.count == 2)
        }
    }

    @Test("a directory that another takes the place of is not mistaken for the one that was remembered")
    func replacedDirectory() async throws {
        let outside = try outside()
        let bucket = try TestBucket()
        _ = try await bucket.store.put([[1]], as: key("1"))
        try FileManager.default.removeItem(atPath: bucket.path("users/alice/jobs/1/output"))
        try FileManager.default.createSymbolicLink(
            atPath: bucket.path("users/alice/jobs/1/output"), withDestinationPath: outside.path)
        await #expect(throws: BlobStoreError.self) { try await bucket.store.put([[2]], as: key("1", suffix: "abc234")) }
        #expect(TestFolder.files(below: outside.path).count == 1)
    }

    @Test("jobs begun at once in a new directory all find it")
    func parallelDirectories() async throws {
        let bucket = try TestBucket()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<40 {
                group.addTask {
                    _ = try await bucket.store.put(
                        [[1]], as: key("\(number % 4)", suffix: "aaaa\(number % 6 + 2)\(number / 20 + 2)"))
                }
            }
            while let result = await group.nextResult() {
                if case .failure(let error) = result, error as? BlobStoreError != .keyTaken { throw error }
            }
        }
        #expect(bucket.files.allSatisfy { ObjectKey(parsing: $0) != nil })
    }

    @Test("an object that loses bytes on the disk is an error to its reader, never other bytes")
    func truncated() async throws {
        let bucket = try TestBucket()
        _ = try await bucket.store.put([[UInt8](repeating: 1, count: 1_000)], as: key("1"))
        let blob = try await bucket.store.open(key("1").text, reading: .whole)
        #expect(truncate(bucket.path(try key("1").text), 10) == 0)
        await #expect(throws: BlobStoreError.self) { try await blob.bytes(ByteRange(first: 0, last: 999)) }
    }

    @Test("an object that is removed while it is read is read to its end")
    func removedWhileRead() async throws {
        let bucket = try TestBucket()
        _ = try await bucket.store.put([[1, 2, 3]], as: key("1"))
        let blob = try await bucket.store.open(key("1").text, reading: .whole)
        try FileManager.default.removeItem(atPath: bucket.path(try key("1").text))
        #expect(try await blob.bytes(ByteRange(first: 0, last: 2)) == [1, 2, 3])
    }
}
