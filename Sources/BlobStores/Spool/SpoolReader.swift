internal import CustodeCore
internal import Glibc
internal import NIOPosix
internal import Synchronization

/// Reads a spool from its beginning, a page at a time.
final class SpoolReader: BlobListing {
    private static let head = 24

    private let spool: FileSpool
    private let size: Int64
    private let place = Mutex<Int64>(0)

    init(_ spool: FileSpool, size: Int64) {
        self.spool = spool
        self.size = size
    }

    func next() async throws(BlobStoreError) -> ListingPage? {
        let start = place.withLock { $0 }
        guard start < size else { return nil }
        let (blobs, used) = try await spool.threads.perform { () throws(BlobStoreError) in
            try self.read(from: start)
        }
        place.withLock { $0 = start + used }
        return ListingPage(blobs: blobs)
    }

    private func read(from start: Int64) throws(BlobStoreError) -> (blobs: [ListedBlob], used: Int64) {
        let wanted = Int(min(Int64(FileSpool.bufferSize), size - start))
        let bytes = try [UInt8](unsafeUninitializedCapacity: wanted) { space, count throws(BlobStoreError) in
            while count < wanted {
                let got = pread(
                    spool.descriptor, space.baseAddress.map { $0 + count }, wanted - count, off_t(start) + off_t(count))
                if got < 0, errno == EINTR { continue }
                guard got > 0 else { throw .unavailable("a temporary file is shorter than what was written") }
                count += got
            }
        }
        var blobs: [ListedBlob] = []
        var used = 0
        bytes.withUnsafeBytes { bytes in
            while let (blob, length) = Self.decode(UnsafeRawBufferPointer(rebasing: bytes[used...])) {
                blobs.append(blob)
                used += length
            }
        }
        guard used > 0 else { throw .unavailable("a temporary file cannot be read back") }
        return (blobs, Int64(used))
    }

    private static func decode(_ bytes: UnsafeRawBufferPointer) -> (ListedBlob, Int)? {
        guard bytes.count >= head else { return nil }
        let key = Int(bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
        let etag = Int(bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
        guard bytes.count >= head + key + etag else { return nil }
        let facts = BlobFacts(
            etag: String(decoding: bytes[(head + key)..<(head + key + etag)], as: UTF8.self),
            size: bytes.loadUnaligned(fromByteOffset: 8, as: Int64.self),
            modified: Timestamp(microseconds: bytes.loadUnaligned(fromByteOffset: 16, as: Int64.self)))
        let name = String(decoding: bytes[head..<(head + key)], as: UTF8.self)
        return (ListedBlob(key: name, facts: facts), head + key + etag)
    }
}
