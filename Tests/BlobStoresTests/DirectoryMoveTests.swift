import CustodeCore
import CustodeTesting
import Foundation
import Glibc
import Synchronization
import Testing

@testable import BlobStores

@Suite("setting aside and removing in a directory")
struct DirectoryMoveTests {
    private let job = "users/alice/jobs/1"
    private let original = "users/alice/jobs/1/input/original.wav"
    private let transcript = "users/alice/jobs/1/output/transcript.txt"

    private func status(_ path: String) -> stat {
        var facts = stat()
        #expect(lstat(path, &facts) == 0)
        return facts
    }

    /// Lets a file be an hour old.
    private func age(_ path: String) {
        let then = timespec(tv_sec: time(nil) - 3_600, tv_nsec: 123_456_789)
        #expect(utimensat(AT_FDCWD, path, [then, then], 0) == 0)
    }

    @Test("a move is a rename: the file, its tag and its age stay, and the folders made are closed to others")
    func rename() async throws {
        let bucket = try TestBucket()
        try bucket.write("text", to: transcript)
        age(bucket.path(transcript))
        let before = status(bucket.path(transcript))
        let move = try await bucket.store.wish(transcript, to: ".trash/d/r/" + transcript)
        #expect(await bucket.store.move([move]) == [.moved])
        #expect(status(bucket.path(move.to)).st_ino == before.st_ino)
        #expect(try await bucket.store.facts(of: [move.to]) == [move.expected])
        #expect(status(bucket.path(".trash/d/r/users")).st_mode & 0o7777 == 0o750)
    }

    @Test("the age of what is brought back counts from now")
    func renewsAge() async throws {
        let bucket = try TestBucket()
        try bucket.write("text", to: ".trash/a")
        age(bucket.path(".trash/a"))
        let start = try await bucket.store.clock()
        var move = try await bucket.store.wish(".trash/a", to: transcript)
        move.renewsAge = true
        #expect(await bucket.store.move([move]) == [.moved])
        let facts = try #require(try await bucket.store.facts(of: [transcript])[0])
        #expect(facts.modified >= start && facts.size == 4)
    }

    @Test("what could not be brought back keeps its age", arguments: [EEXIST, EIO])
    func keepsAge(code: Int32) async throws {
        var calls = FileSystemCalls.system
        calls.rename = { _, _, _, _ in -code }
        let bucket = try TestBucket(calls: calls)
        try bucket.write("text", to: ".trash/a")
        age(bucket.path(".trash/a"))
        var move = try await bucket.store.wish(".trash/a", to: transcript)
        move.renewsAge = true
        let outcome = await bucket.store.move([move])[0]
        if code == EEXIST {
            #expect(outcome == .changed)
        } else {
            #expect(outcome == .failed(.unavailable("cannot move an object: Input/output error")))
        }
        #expect(try await bucket.store.facts(of: [".trash/a"]) == [move.expected])
    }

    @Test("what is not as expected is not even touched: no rename, no new age, be it a link or a FIFO")
    func untouched() async throws {
        let renames = Counter()
        var calls = FileSystemCalls.system
        calls.rename = { from, name, to, newName in
            renames.add()
            return FileSystemCalls.system.rename(from, name, to, newName)
        }
        let bucket = try TestBucket(calls: calls)
        for name in ["a", ".trash/taken"] { try bucket.write("text", to: name) }
        try FileManager.default.createSymbolicLink(atPath: bucket.path("link"), withDestinationPath: "a")
        #expect(mkfifo(bucket.path("fifo"), 0o644) == 0)
        var taken = try await bucket.store.wish("a", to: ".trash/taken")
        taken.renewsAge = true
        var moves = ["link", "fifo"].map {
            BlobMove(from: $0, to: ".trash/new", expected: status(bucket.path($0)).blobFacts)
        }
        let other = BlobFacts(etag: "1", size: 4, modified: taken.expected.modified)
        moves += [taken, BlobMove(from: "a", to: ".trash/new", expected: other)]
        let changed = status(bucket.path("a")).st_ctim
        #expect(await bucket.store.move(moves) == [.changed, .changed, .changed, .changed])
        #expect(renames.count == 0)
        let after = status(bucket.path("a")).st_ctim
        #expect(after.tv_sec == changed.tv_sec && after.tv_nsec == changed.tv_nsec)
    }

    @Test("what takes the object's place before the rename is put back, and so is what changes in that moment")
    func swapped() async throws {
        for swap in [true, false] {
            let done = Counter()
            var calls = FileSystemCalls.system
            calls.rename = { from, name, to, newName in
                if done.count == 0 {
                    if swap { unlinkat(from, name, 0) }
                    let file = openat(from, name, O_CREAT | O_WRONLY, 0o640)
                    Glibc.write(file, "other", 5)
                    close(file)
                }
                done.add()
                return FileSystemCalls.system.rename(from, name, to, newName)
            }
            let bucket = try TestBucket(calls: calls)
            try bucket.write("text!", to: "a")
            age(bucket.path("a"))
            let move = try await bucket.store.wish("a", to: ".trash/a")
            #expect(await bucket.store.move([move]) == [.changed])
            #expect(bucket.files == ["a"])
            #expect(try await bucket.store.bytes("a") == Array("other".utf8))
        }
    }

    @Test("a folder that goes while something is moved there is made again")
    func folderGone() async throws {
        let done = Counter()
        var calls = FileSystemCalls.system
        let root = Mutex("")
        calls.rename = { from, name, to, newName in
            if done.count < 3 { rmdir(root.withLock { $0 } + "/.trash") }
            done.add()
            return FileSystemCalls.system.rename(from, name, to, newName)
        }
        let bucket = try TestBucket(calls: calls)
        root.withLock { $0 = bucket.folder.path }
        try bucket.write("text", to: "a")
        #expect(await bucket.store.move([try await bucket.store.wish("a", to: ".trash/a")]) == [.moved])
        #expect(done.count == 4 && bucket.files == [".trash/a"])
    }

    @Test("a batch is synced once, and only where something was done")
    func synced() async throws {
        let syncs = Counter()
        var calls = FileSystemCalls.system
        calls.syncAll = { descriptor in
            syncs.add()
            return FileSystemCalls.system.syncAll(descriptor)
        }
        let bucket = try TestBucket(calls: calls)
        for name in ["a", "b"] { try bucket.write(name, to: name) }
        let store = bucket.store
        let moves = [try await store.wish("a", to: ".trash/a"), try await store.wish("b", to: ".trash/b")]
        #expect(await store.move(moves) == [.moved, .moved] && syncs.count == 1)
        // The first may have been killed before it came to the sync.
        #expect(await store.move(moves) == [.moved, .moved] && syncs.count == 2)
        let absent = BlobMove(from: "x", to: "y", expected: moves[0].expected)
        #expect(await store.move([absent]) == [.absent] && syncs.count == 2)
    }

    @Test("what cannot be made durable is not told as moved")
    func syncFails() async throws {
        var calls = FileSystemCalls.system
        calls.syncAll = { _ in -EIO }
        let bucket = try TestBucket(calls: calls)
        try bucket.write("a", to: "a")
        let move = try await bucket.store.wish("a", to: ".trash/a")
        let absent = BlobMove(from: "x", to: "y", expected: move.expected)
        for _ in 0..<2 {
            #expect(
                await bucket.store.move([move, absent]) == [
                    .failed(.unavailable("cannot make moves durable: Input/output error")), .absent,
                ])
        }
    }

    @Test("a symbolic link is neither moved nor followed to what is moved, and nothing is moved through one")
    func links() async throws {
        let outside = try TestFolder()
        try Data("text".utf8).write(to: URL(filePath: outside.path + "/a"))
        let bucket = try TestBucket()
        try bucket.write("text", to: "a")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: bucket.path("link"), withDestinationPath: "a")
        try files.createSymbolicLink(atPath: bucket.path("out"), withDestinationPath: outside.path)
        let facts = try #require(try await bucket.store.facts(of: ["a"])[0])
        let moves = [("link", "b"), ("out/a", "b"), ("a", "out/b"), ("a", "link")].map {
            BlobMove(from: $0, to: $1, expected: facts)
        }
        let outcomes = await bucket.store.move(moves)
        #expect(outcomes[0] == .changed && outcomes[1] == .absent && outcomes[3] == .changed)
        #expect(outcomes[2] != .moved)
        #expect(try await bucket.store.keys() == bytes(["a"]))
        #expect(TestFolder.files(below: outside.path) == ["a": 4])
        #expect(status(bucket.path("link")).st_mode & S_IFMT == S_IFLNK)
    }

    @Test(
        "a key that climbs, or is spelled in another way, is not moved", arguments: ["../a", "./a", "b//a", "", "a/"])
    func names(name: String) async throws {
        let bucket = try TestBucket()
        try bucket.write("text", to: "a")
        let facts = try #require(try await bucket.store.facts(of: ["a"])[0])
        for (from, to) in [(name, "z"), ("a", name)] {
            guard case .failed = await bucket.store.move([BlobMove(from: from, to: to, expected: facts)])[0] else {
                Issue.record("\(from) was taken for a key, or \(to)")
                continue
            }
        }
        #expect(bucket.files == ["a"])
    }

    @Test("the folders of a job go with its last object, and none above them")
    func prunes() async throws {
        let bucket = try TestBucket()
        for key in [original, transcript] { try bucket.write("text", to: key) }
        for (key, left) in [(original, "\(job)/output"), (transcript, "users/alice/jobs")] {
            var move = try await bucket.store.wish(key, to: ".trash/d/r/" + key)
            move.prunesFolders = true
            #expect(await bucket.store.move([move]) == [.moved])
            let folder = bucket.path(left)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: folder)
                    == (key == original ? ["transcript.txt"] : []))
        }
        #expect(!FileManager.default.fileExists(atPath: bucket.path(job + "/input")))
    }

    @Test("a move that was interrupted before its folders went lets them go when it is repeated")
    func prunesLater() async throws {
        let bucket = try TestBucket()
        try bucket.write("text", to: transcript)
        var move = try await bucket.store.wish(transcript, to: ".trash/a")
        #expect(await bucket.store.move([move]) == [.moved])
        #expect(FileManager.default.fileExists(atPath: bucket.path(job + "/output")), "nobody asked for it")
        #expect(rmdir(bucket.path(job + "/output")) == 0)
        move.prunesFolders = true
        #expect(await bucket.store.move([move]) == [.moved])
        #expect(try FileManager.default.contentsOfDirectory(atPath: bucket.path("users/alice/jobs")) == [])
    }

    @Test(
        "folders that are not a job's stay, empty as they are",
        arguments: ["users/alice/jobs/x", "users/alice/other/1/x", "users/x", "other/alice/jobs/1/output/x", "a/x"])
    func keepsFolders(key: String) async throws {
        let bucket = try TestBucket()
        try bucket.write("text", to: key)
        var move = try await bucket.store.wish(key, to: ".trash/a")
        move.prunesFolders = true
        #expect(await bucket.store.move([move]) == [.moved])
        #expect(FileManager.default.fileExists(atPath: bucket.path(String(key.dropLast(2)))))
    }

    @Test("what came into a job's folder meanwhile keeps it, be it an empty folder of another name")
    func keepsOthers() async throws {
        let bucket = try TestBucket()
        try bucket.write("text", to: transcript)
        #expect(mkdir(bucket.path(job + "/input"), 0o750) == 0)
        var move = try await bucket.store.wish(transcript, to: ".trash/a")
        move.prunesFolders = true
        #expect(await bucket.store.move([move]) == [.moved])
        #expect(try FileManager.default.contentsOfDirectory(atPath: bucket.path(job)) == ["input"])
    }

    @Test("uploads of a job that begins anew find its folders, though they were removed")
    func uploadsAfterwards() async throws {
        let bucket = try TestBucket()
        let key = try key("1")
        for text in ["one", "two"] {
            _ = try await bucket.store.put([Array(text.utf8)], as: key)
            var move = try await bucket.store.wish(key.text, to: ".trash/\(text)/" + key.text)
            move.prunesFolders = true
            #expect(await bucket.store.move([move]) == [.moved])
            #expect(!FileManager.default.fileExists(atPath: bucket.path(job)))
        }
        #expect(bucket.files.count == 2)
    }

    @Test(
        "nothing but trash is ever removed for good",
        arguments: [
            "users/a", ".trash/../users/a", ".trash/./../users/a", ".custode/identity.json", ".trash", ".trash/",
            ".trashed/a", "", "/.trash/a", ".trash//../users/a",
        ])
    func onlyTrash(key: String) async throws {
        let bucket = try TestBucket()
        for key in ["users/a", ".trashed/a", ".trash/a", ".custode/identity.json"] { try bucket.write("", to: key) }
        let before = bucket.files
        guard case .unavailable = await bucket.store.remove([key])[0] else {
            Issue.record("\(key) was taken for trash")
            return
        }
        #expect(bucket.files == before)
    }

    @Test("what is removed is reached through no symbolic link, and a folder is not removed as an object")
    func removesNoLinks() async throws {
        let bucket = try TestBucket()
        for key in ["users/a", ".trash/d/r/b"] { try bucket.write("", to: key) }
        try FileManager.default.createSymbolicLink(atPath: bucket.path(".trash/l"), withDestinationPath: "../users")
        #expect(await bucket.store.remove([".trash/l/a"]) == [nil])
        guard case .unavailable = await bucket.store.remove([".trash/d"])[0] else {
            Issue.record("a folder was removed")
            return
        }
        #expect(bucket.files.contains("users/a") && bucket.files.contains(".trash/d/r/b"))
    }

    @Test("a removal that was interrupted before its folders went lets them go when it is repeated")
    func emptiesTrashLater() async throws {
        let bucket = try TestBucket()
        try bucket.write("", to: ".trash/d/r/users/a/x")
        try FileManager.default.removeItem(atPath: bucket.path(".trash/d/r/users"))
        #expect(await bucket.store.remove([".trash/d/r/users/a/x"]) == [nil])
        #expect(try FileManager.default.contentsOfDirectory(atPath: bucket.path(".trash")) == [])
    }

    @Test("the folders of the trash go when they are empty, and the trash itself stays")
    func emptiesTrash() async throws {
        let bucket = try TestBucket()
        for key in [".trash/d/r/users/a/x", ".trash/d/r/users/b/x", ".trash/e/r/x"] { try bucket.write("", to: key) }
        #expect(await bucket.store.remove([".trash/d/r/users/a/x", ".trash/e/r/x"]) == [nil, nil])
        #expect(try FileManager.default.contentsOfDirectory(atPath: bucket.path(".trash")) == ["d"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: bucket.path(".trash/d/r/users")) == ["b"])
        #expect(await bucket.store.remove([".trash/d/r/users/b/x"]) == [nil])
        #expect(try FileManager.default.contentsOfDirectory(atPath: bucket.path(".trash")) == [])
    }

    @Test("the store's clock is that of the file system, and leaves nothing there")
    func clock() async throws {
        let bucket = try TestBucket()
        let start = Int64(time(nil))
        let now = try await bucket.store.clock()
        // A file system may date by the clock's last tick.
        #expect((start - 1...Int64(time(nil))).contains(now.seconds) && bucket.files == [])
        try bucket.write("", to: "a")
        let written = try #require(try await bucket.store.facts(of: ["a"])[0]).modified
        let later = try await bucket.store.clock()
        #expect(now <= written && written <= later)
    }

    @Test("a marker is one file, whatever was there before, and a link in its place is not followed")
    func marker() async throws {
        let bucket = try TestBucket()
        let outside = try TestFolder()
        try Data("theirs".utf8).write(to: URL(filePath: outside.path + "/identity.json"))
        #expect(mkdir(bucket.path(".custode"), 0o750) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: bucket.path(".custode/identity.json"), withDestinationPath: outside.path + "/identity.json")
        #expect(try await bucket.store.marker() == [])
        try await bucket.store.setMarker([1, 2])
        #expect(try await bucket.store.marker() == [1, 2])
        #expect(outside.text("identity.json") == "theirs")
        #expect(bucket.files == [".custode/identity.json"])
    }

    @Test("a marker that cannot be one is an error, and not none")
    func hugeMarker() async throws {
        let bucket = try TestBucket()
        try bucket.write(String(repeating: "x", count: 70_000), to: ".custode/identity.json")
        await #expect(throws: BlobStoreError.self) { try await bucket.store.marker() }
    }
}
