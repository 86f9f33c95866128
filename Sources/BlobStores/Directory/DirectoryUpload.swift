internal import Cryptography
internal import CustodeCore
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// One object on its way into a directory: hashed and written on a thread of the pool while the next
/// bytes are on their way from the network.
final class DirectoryUpload: BlobUpload {
    /// How many bytes may wait before the writer does.
    private static let highWater = 256 * 1_024
    private static let lowWater = 64 * 1_024

    private struct State {
        var waiting: [ByteBuffer] = []
        var waitingBytes = 0
        var isDraining = false
        var failure: BlobStoreError?
        var writer: CheckedContinuation<Void, Never>?
        var sealer: CheckedContinuation<Void, Never>?
        var isClosed = false
    }

    private let file: Int32
    private let store: DirectoryStore
    private let state = Mutex(State())
    // Touched by the one drain that runs at a time, and by `seal` after the last; the lock orders them.
    nonisolated(unsafe) private var hasher: SHA256? = SHA256()
    nonisolated(unsafe) private var size: Int64 = 0

    init(file: Int32, store: DirectoryStore) {
        self.file = file
        self.store = store
    }

    deinit { closeFile() }

    func write(_ bytes: ByteBuffer) async throws(BlobStoreError) {
        let (start, mustWait) = try state.withLock { state throws(BlobStoreError) in
            if let failure = state.failure { throw failure }
            state.waiting.append(bytes)
            state.waitingBytes += bytes.readableBytes
            let start = !state.isDraining
            state.isDraining = true
            return (start, state.waitingBytes > Self.highWater)
        }
        if start { store.threads.submit { _ in self.drain() } }
        guard mustWait else { return }
        await withCheckedContinuation { continuation in
            let resumeNow = state.withLock { state in
                if state.waitingBytes <= Self.lowWater || state.failure != nil { return true }
                state.writer = continuation
                return false
            }
            if resumeNow { continuation.resume() }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    func seal() async throws(BlobStoreError) -> SealedBlob {
        await drained()
        if let failure = state.withLock({ $0.failure }) { throw failure }
        return try await store.threads.perform { () throws(BlobStoreError) in
            // Never tried again: after a failed fsync the kernel may take lost pages for written ones.
            guard fsync(self.file) == 0 else { throw .system("sync an object") }
            var facts = stat()
            guard fstat(self.file, &facts) == 0, Int64(facts.st_size) == self.size else {
                throw .unavailable("an object's size on disk is not what was written")
            }
            guard let digest = self.hasher.take()?.finalize(), let sha256 = Digest(digest) else {
                throw .unavailable("an upload was sealed twice")
            }
            return SealedBlob(size: self.size, sha256: sha256)
        }
    }

    func publish(as key: ObjectKey) async throws(BlobStoreError) {
        try await store.threads.perform { () throws(BlobStoreError) in
            try self.link(to: key.text)
        }
    }

    func discard() async {
        await drained()
        closeFile()
    }

    private func link(to key: String) throws(BlobStoreError) {
        guard let slash = key.utf8.lastIndex(of: 0x2F) else { throw .unavailable("a key without a directory") }
        let directory = try store.directories.open(String(key[..<slash]))
        defer { directory.close() }
        let name = String(key[key.utf8.index(after: slash)...])
        // Unlike rename(2), linkat(2) never replaces what is there.
        guard linkat(AT_FDCWD, "/proc/self/fd/\(file)", directory.descriptor, name, AT_SYMLINK_FOLLOW) == 0 else {
            throw .system("link an object to its key")
        }
        do throws(BlobStoreError) {
            try store.directories.sync(directory)
        } catch {
            throw .unsettled("an object was linked, but its directory could not be synced: \(error)")
        }
    }

    /// Hashes and writes what waits until nothing does.
    private func drain() {
        while true {
            let batch = state.withLock { state -> [ByteBuffer] in
                let batch = state.waiting
                state.waiting.removeAll()
                if batch.isEmpty { state.isDraining = false }
                return batch
            }
            guard !batch.isEmpty else {
                state.withLock { $0.sealer.take() }?.resume()
                return
            }
            for buffer in batch {
                let failure = store(buffer)
                let writer = state.withLock { state -> CheckedContinuation<Void, Never>? in
                    state.waitingBytes -= buffer.readableBytes
                    state.failure = state.failure ?? failure
                    return state.waitingBytes <= Self.lowWater || failure != nil ? state.writer.take() : nil
                }
                writer?.resume()
            }
        }
    }

    private func store(_ buffer: ByteBuffer) -> BlobStoreError? {
        guard state.withLock({ $0.failure }) == nil else { return nil }
        return buffer.withUnsafeReadableBytes { bytes -> BlobStoreError? in
            hasher?.update(bytes)
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    return .system("write an object")
                }
                rest = rest.dropFirst(count)
            }
            size += Int64(bytes.count)
            return nil
        }
    }

    private func drained() async {
        await withCheckedContinuation { continuation in
            let resumeNow = state.withLock { state in
                guard state.isDraining else { return true }
                state.sealer = continuation
                return false
            }
            if resumeNow { continuation.resume() }
        }
    }

    private func closeFile() {
        let mustClose = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        // An unnamed file that was never linked is gone with its descriptor.
        if mustClose { _ = Glibc.close(file) }
    }
}
