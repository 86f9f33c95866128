internal import Cryptography
internal import CustodeCore
internal import Glibc
internal import NIOCore
internal import Synchronization

/// The unnamed file that an upload is received into, and the digest of what was.
///
/// Writing and hashing each happen on one thread at a time, in order; sealing after both have ended.
final class ReceivedFile: Sendable {
    private let descriptor: Int32
    private let isClosed = Mutex(false)
    // Touched by writing alone until it has ended; the drain's lock orders that and the sealing.
    nonisolated(unsafe) private var size: Int64 = 0
    // The same, by hashing.
    nonisolated(unsafe) private var hasher: SHA256? = SHA256()

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close() }

    func write(_ buffer: ByteBuffer) -> BlobStoreError? {
        buffer.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
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

    func hash(_ buffer: ByteBuffer) -> BlobStoreError? {
        buffer.withUnsafeReadableBytes { hasher?.update($0) }
        return nil
    }

    /// Makes the bytes durable, and checks that the file holds as many as were written.
    func seal() throws(BlobStoreError) -> SealedBlob {
        // Never tried again: after a failed fsync the kernel may take lost pages for written ones.
        guard fsync(descriptor) == 0 else { throw .system("sync an object") }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, Int64(facts.st_size) == size else {
            throw .unavailable("an object's size on disk is not what was written")
        }
        guard let digest = hasher.take()?.finalize(), let sha256 = Digest(digest) else {
            throw .unavailable("an upload was sealed twice")
        }
        return SealedBlob(size: size, sha256: sha256)
    }

    /// Gives the file a name; unlike rename(2), linkat(2) never replaces what is there.
    func link(as name: String, in directory: Int32) throws(BlobStoreError) {
        guard linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", directory, name, AT_SYMLINK_FOLLOW) == 0 else {
            throw .system("link an object to its key")
        }
    }

    /// Lets go of the file; one that was never linked is gone with its descriptor.
    func close() {
        let mustClose = isClosed.withLock { isClosed in
            defer { isClosed = true }
            return !isClosed
        }
        if mustClose { _ = Glibc.close(descriptor) }
    }
}
