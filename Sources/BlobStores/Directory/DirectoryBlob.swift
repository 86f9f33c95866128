internal import CLinux
internal import CustodeCore
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// An object of a directory, opened.
final class DirectoryBlob: OpenBlob {
    private static let pieceSize = 256 * 1_024

    let size: Int64
    let facts: BlobFacts?
    private let handle: NIOFileHandle
    private let descriptor: Int32
    private let threads: NIOThreadPool

    /// - Parameter facts: Those of the file, if it has a name.
    init(file: Int32, size: Int64, facts: BlobFacts? = nil, threads: NIOThreadPool) {
        descriptor = file
        handle = NIOFileHandle(_deprecatedTakingOwnershipOfDescriptor: file)
        self.size = size
        self.facts = facts
        self.threads = threads
    }

    deinit { try? handle.close() }

    var file: NIOFileHandle? { handle }

    func read(_ range: ByteRange) -> AsyncThrowingStream<ByteBuffer, any Error> {
        let next = Mutex(range.first)
        return AsyncThrowingStream {
            let start = next.withLock { $0 }
            guard start <= range.last else { return nil }
            let wanted = Int(min(Int64(Self.pieceSize), range.last - start + 1))
            let piece: ByteBuffer
            if let cached = self.cachedPiece(at: start, wanted) {
                piece = cached
            } else {
                piece = try await self.threads.perform { () throws(BlobStoreError) in
                    try self.piece(at: start, wanted)
                }
            }
            next.withLock { $0 += Int64(piece.readableBytes) }
            return piece
        }
    }

    /// What the page cache holds of it, here and now: only what a disk must be asked for costs a change of thread.
    private func cachedPiece(at offset: Int64, _ wanted: Int) -> ByteBuffer? {
        var buffer = ByteBuffer()
        let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { space in
            max(0, custode_pread_cached(descriptor, space.baseAddress, UInt(wanted), offset))
        }
        return count > 0 ? buffer : nil
    }

    private func piece(at offset: Int64, _ wanted: Int) throws(BlobStoreError) -> ByteBuffer {
        var buffer = ByteBuffer()
        let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { space in
            max(0, pread(descriptor, space.baseAddress, wanted, off_t(offset)))
        }
        guard count > 0 else { throw .system("read an object", count == 0 ? EIO : errno) }
        return buffer
    }
}
