import CustodeCore
import CustodeTesting
import Foundation
import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import BlobStores

/// A store in a folder of its own.
struct TestBucket {
    let folder: TestFolder
    let store: DirectoryStore

    init() throws {
        folder = try TestFolder()
        store = try DirectoryStore(path: folder.path, threads: .singleton)
    }

    /// A store whose uploads are made durable together.
    init(syncsTogether: Bool, calls: FileSystemCalls = .system) throws {
        folder = try TestFolder()
        store = try DirectoryStore(
            path: folder.path, threads: .singleton, calls: calls, syncsTogether: syncsTogether)
    }

    /// A store some of whose system calls are not the kernel's.
    init(calls: FileSystemCalls, window: Int = NameWindow.usualSize) throws {
        folder = try TestFolder()
        store = try DirectoryStore(path: folder.path, threads: .singleton, calls: calls, window: window)
    }

    /// Every file below the root, by path.
    var files: [String] { TestFolder.files(below: folder.path).keys.sorted() }

    func path(_ name: String) -> String { folder.path + "/" + name }

    func write(_ text: String, to name: String) throws {
        let url = URL(filePath: path(name))
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }
}

/// The key of an artifact of a job.
func key(_ job: String, suffix: String? = nil, user: String = "alice") throws -> ObjectKey {
    try ObjectKey(
        user: #require(UserID(user)), job: #require(JobID(job)), object: #require(ObjectName("transcript")),
        suffix: suffix, extension: "txt")
}

extension BlobStore {
    /// Stores pieces under a key.
    func put(_ pieces: [[UInt8]], as key: ObjectKey) async throws -> SealedBlob {
        let upload = try await beginUpload(as: key, expectedSize: nil)
        for piece in pieces { try await upload.write(ByteBuffer(bytes: piece)) }
        let sealed = try await upload.seal()
        do {
            try await upload.publish(as: key)
        } catch {
            await upload.discard()
            throw error
        }
        return sealed
    }

    /// All bytes under a key.
    func bytes(_ key: String) async throws -> [UInt8] {
        let blob = try await open(key, reading: .whole)
        guard blob.size > 0 else { return [] }
        return try await blob.bytes(ByteRange(first: 0, last: blob.size - 1))
    }

    /// What opening a key throws; `nil` if it opens.
    func refusal(_ key: String) async -> BlobStoreError? {
        do throws(BlobStoreError) {
            _ = try await open(key, reading: .whole)
            return nil
        } catch {
            return error
        }
    }
}

extension OpenBlob {
    func bytes(_ range: ByteRange) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        for try await piece in read(range) { bytes += piece.readableBytesView }
        return bytes
    }
}

extension CollectableStore {
    /// Moves whatever time it takes.
    func move(_ moves: [BlobMove]) async -> [BlobMove.Outcome] { await move(moves, while: { true }) }

    /// Removes whatever time it takes.
    func remove(_ keys: [String]) async -> [BlobStoreError?] { await remove(keys, while: { true }) }
}

extension BlobStore {
    /// Starts an upload of any type.
    func beginUpload(as key: ObjectKey, expectedSize: Int64?) async throws(BlobStoreError) -> any BlobUpload {
        try await beginUpload(as: key, contentType: "application/octet-stream", expectedSize: expectedSize)
    }
}

extension ResumableStore {
    /// Publishes what is of any type.
    func publish(_ staged: StagedBlob, as key: ObjectKey?) async throws(BlobStoreError) {
        try await publish(staged, as: key, contentType: "application/octet-stream")
    }
}
