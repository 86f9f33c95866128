internal import Cryptography
internal import CustodeCore
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// One object on its way into a directory: written by one thread of the pool and hashed by another, while
/// the next bytes are on their way from the network.
final class DirectoryUpload: BlobUpload {
    private let received: ReceivedFile
    private let store: DirectoryStore
    private let writing: SerialDrain
    private let hashing: SerialDrain

    init(file: Int32, store: DirectoryStore) {
        let received = ReceivedFile(file)
        self.received = received
        self.store = store
        writing = SerialDrain(store.threads) { received.write($0) }
        hashing = SerialDrain(store.threads) { received.hash($0) }
    }

    func write(_ bytes: ByteBuffer) async throws(BlobStoreError) {
        writing.push(bytes)
        hashing.push(bytes)
        try await writing.room()
        try await hashing.room()
    }

    func seal() async throws(BlobStoreError) -> SealedBlob {
        try await writing.settle()
        try await hashing.settle()
        let syncsAlone = store.groupSync == nil
        let sealed = try await store.threads.perform { () throws(BlobStoreError) in
            try self.writing.finish()
            try self.hashing.finish()
            return try self.received.seal(syncing: syncsAlone)
        }
        try await store.groupSync?()
        return sealed
    }

    func publish(as key: ObjectKey) async throws(BlobStoreError) {
        guard let groupSync = store.groupSync else {
            return try await store.threads.perform { () throws(BlobStoreError) in
                try self.link(to: key.text) { opened throws(BlobStoreError) in try self.store.directories.sync(opened) }
            }
        }
        let made = try await store.threads.perform { () throws(BlobStoreError) in try self.link(to: key.text) { _ in } }
        do throws(BlobStoreError) {
            try await groupSync()
        } catch {
            throw Self.unsettled(error)
        }
        store.directories.remember(made)
    }

    func discard() async {
        // Both are waited for, whatever became of the other: they use what is closed next.
        try? await writing.settle()
        try? await hashing.settle()
        received.close()
    }

    private static func unsettled(_ error: BlobStoreError) -> BlobStoreError {
        .unsettled("an object was linked, but its directory could not be synced: \(error)")
    }

    /// - Returns: The directory it is in, closed.
    @discardableResult
    private func link(
        to key: String, syncing: (DurableDirectories.Opened) throws(BlobStoreError) -> Void
    ) throws(BlobStoreError) -> DurableDirectories.Opened {
        guard let slash = key.utf8.lastIndex(of: 0x2F) else { throw .unavailable("a key without a directory") }
        let directory = try store.directories.open(String(key[..<slash]))
        defer { directory.close() }
        try received.link(as: String(key[key.utf8.index(after: slash)...]), in: directory.descriptor)
        do throws(BlobStoreError) {
            try syncing(directory)
            return directory
        } catch {
            throw Self.unsettled(error)
        }
    }
}
