internal import Cryptography
internal import CustodeCore
internal import Glibc
internal import NIOCore
internal import Synchronization

/// The file that an upload is received into, and the digest of what was.
///
/// Writing and hashing each happen on one thread at a time, in order; sealing after both have ended.
final class ReceivedFile: Sendable {
    private let descriptor: Int32
    private let isClosed = Mutex(false)
    // Touched by writing alone until it has ended; the drain's lock orders that and the sealing.
    nonisolated(unsafe) private(set) var size: Int64
    // The same.
    nonisolated(unsafe) private var mayBeLonger: Bool
    // The same, by hashing.
    nonisolated(unsafe) private var hasher: SHA256?

    /// - Parameters:
    ///   - size: How many bytes it holds, behind which it is written on.
    ///   - hasher: That of these bytes.
    ///   - mayBeLonger: Whether there may be more behind them, which goes with the first that is written or synced.
    init(
        _ descriptor: Int32, size: Int64 = 0, hasher: consuming SHA256 = SHA256(), mayBeLonger: Bool = false
    ) {
        self.mayBeLonger = mayBeLonger
        self.descriptor = descriptor
        self.size = size
        self.hasher = consume hasher
    }

    deinit { close() }

    func write(_ buffer: ByteBuffer) -> BlobStoreError? {
        guard cut() else { return .system("go on with the file of an upload") }
        return buffer.withUnsafeReadableBytes { bytes in
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

    /// Drops what is not to be there; false if that failed, and `errno` says why.
    private func cut() -> Bool {
        guard mayBeLonger else { return true }
        guard ftruncate(descriptor, Int(size)) == 0 else { return false }
        mayBeLonger = false
        return true
    }

    /// Fills it, while it is empty, with the first bytes of another file; false if that failed, and `errno` says why.
    func copy(from source: Int32, count: Int64) -> Bool {
        let space = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_048_576, alignment: 16)
        defer { space.deallocate() }
        var offset: Int64 = 0
        while offset < count {
            let wanted = Int(min(Int64(space.count), count - offset))
            let read = pread(source, space.baseAddress, wanted, off_t(offset))
            guard read > 0 else { return false }
            var written = 0
            while written < read {
                let step = Glibc.write(descriptor, space.baseAddress?.advanced(by: written), read - written)
                guard step > 0 else { return false }
                written += step
            }
            offset += Int64(read)
        }
        return true
    }

    func hash(_ buffer: ByteBuffer) -> BlobStoreError? {
        buffer.withUnsafeReadableBytes { hasher?.update($0) }
        return nil
    }

    /// Makes the bytes durable, and checks that the file holds as many as were written.
    func sync(itself: Bool = true) throws(BlobStoreError) {
        guard cut() else { throw .system("go on with the file of an upload") }
        // Never tried again: after a failed fsync the kernel may take lost pages for written ones.
        guard !itself || fsync(descriptor) == 0 else { throw .system("sync an object") }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, Int64(facts.st_size) == size else {
            throw .unavailable("an object's size on disk is not what was written")
        }
    }

    /// Makes the bytes durable and tells what they were.
    ///
    /// - Parameter syncing: Whether it does so itself, rather than whoever calls.
    func seal(syncing: Bool = true) throws(BlobStoreError) -> SealedBlob {
        try sync(itself: syncing)
        guard let digest = hasher.take()?.finalize(), let sha256 = Digest(digest) else {
            throw .unavailable("an upload was sealed twice")
        }
        return SealedBlob(size: size, sha256: sha256)
    }

    /// The state of the hash over the bytes so far.
    var hashState: [UInt8] { hasher?.state ?? [] }

    /// The SHA-256 of the bytes so far, to which more may come.
    var digest: Digest? { (hasher?.copy().finalize()).flatMap(Digest.init) }

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
