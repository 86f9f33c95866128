internal import CustodeCore
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Bytes of a resumable upload on their way into its file, which nobody else writes to meanwhile.
final class DirectoryAppend: BlobAppend {
    /// After how many bytes what is written is made durable on the way.
    private static let stride: Int64 = 64 * 1_024 * 1_024

    private let store: DirectoryStore
    private let file: StagingFile
    private let writing: SerialDrain
    private let hashing: SerialDrain
    private let durable: Mutex<StagedBlob>
    private let pushed = Mutex<Int64>(0)
    private let isTold = Mutex(false)

    init(_ file: StagingFile, _ staged: StagedBlob, store: DirectoryStore) {
        self.file = file
        self.store = store
        durable = Mutex(staged)
        let received = file.received
        writing = SerialDrain(store.threads) { received.write($0) }
        hashing = SerialDrain(store.threads) { received.hash($0) }
    }

    func write(_ bytes: ByteBuffer) async throws(BlobStoreError) {
        pushed.withLock { $0 += Int64(bytes.readableBytes) }
        writing.push(bytes)
        hashing.push(bytes)
        try await writing.room()
        try await hashing.room()
    }

    func seal(isWhole: Bool) async throws(BlobStoreError) -> StagedBlob { try await checkpoint() }

    private func checkpoint() async throws(BlobStoreError) -> StagedBlob {
        try await writing.settle()
        try await hashing.settle()
        pushed.withLock { $0 = 0 }
        isTold.withLock { $0 = true }
        let name = file.name
        return try await store.threads.perform { () throws(BlobStoreError) in
            try self.writing.finish()
            try self.hashing.finish()
            try self.file.sync(in: self.store)
            let received = self.file.received
            return self.durable.withLock { staged in
                (staged.size, staged.hash, staged.token) = (received.size, received.hashState, name)
                return staged
            }
        }
    }

    func passingCheckpoint() async throws(BlobStoreError) -> StagedBlob? {
        guard pushed.withLock({ $0 >= Self.stride }) else { return nil }
        return try await checkpoint()
    }

    var nextNumber: Int { durable.withLock { $0.nextNumber } }

    func digest() throws(BlobStoreError) -> Digest {
        guard let digest = file.received.digest else { throw .unavailable("an upload's hash is gone") }
        return digest
    }

    func settle(_ recorded: StagedBlob) async {
        guard let old = file.takeReplaced() else { return }
        _ = await store.removeStaged([StagedBlob.folder + old])
    }

    func close() async {
        // Both are waited for, whatever became of the other: they use what is closed next.
        try? await writing.settle()
        try? await hashing.settle()
        file.received.close()
        // Of a file that nobody heard of nothing can be recorded.
        if file.isNew, !isTold.withLock({ $0 }) { _ = await store.removeStaged([StagedBlob.folder + file.name]) }
    }
}

/// The file of a resumable upload, opened and locked.
final class StagingFile: Sendable {
    /// Its name in the folder of all of them.
    let name: String
    let received: ReceivedFile
    /// Whether it was made just now.
    let isNew: Bool

    private struct State {
        /// The folder, as long as the name in it is not durable.
        var folder: DurableDirectories.Opened?
        /// The name of a file that this one takes the place of.
        var replaced: String?
    }

    private let state: Mutex<State>

    /// - Parameters:
    ///   - folder: The folder it was made in just now; `nil` for a file that was there.
    ///   - replaced: The name of a file that this one takes the place of, once that is recorded.
    init(name: String, received: ReceivedFile, folder: DurableDirectories.Opened?, replaced: String?) {
        self.name = name
        self.received = received
        isNew = folder != nil
        state = Mutex(State(folder: folder, replaced: replaced))
    }

    deinit { state.withLock { $0.folder?.close() } }

    /// Makes its bytes durable, and its name.
    func sync(in store: DirectoryStore) throws(BlobStoreError) {
        try received.sync()
        guard let folder = state.withLock({ $0.folder }) else { return }
        try store.directories.sync(folder)
        state.withLock { $0.folder.take()?.close() }
    }

    func takeReplaced() -> String? { state.withLock { $0.replaced.take() } }
}
