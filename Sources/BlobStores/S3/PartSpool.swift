internal import Cryptography
internal import CustodeCore
internal import NIOCore
internal import Synchronization

/// Cuts what comes into parts, spools them and hashes both the parts and the whole.
///
/// Filled by one thread at a time; parts that are complete are fetched by the upload.
///
/// `@unchecked Sendable`: the part that is filled, the hash and the count belong to the upload's drain, which works on one
/// thread at a time and orders them by its lock, and to the sealing, which waits for the drain's end; all else is in a mutex.
final class PartSpool: @unchecked Sendable {
    private var current: SpooledPart
    private var whole: SHA256? = SHA256()
    private var total: Int64 = 0

    private struct Shared {
        var complete: [SpooledPart] = []
        var files: [SpoolFile] = []
    }

    private let shared = Mutex(Shared())
    private let plan: PartPlan
    private let directory: String

    init(_ plan: PartPlan, directory: String) {
        self.plan = plan
        self.directory = directory
        current = SpooledPart(number: 1, hashes: false)
    }

    /// Takes the next bytes, on a thread that may wait for a disk.
    func take(_ buffer: ByteBuffer) -> BlobStoreError? {
        var buffer = buffer
        do throws(BlobStoreError) {
            while buffer.readableBytes > 0 {
                // A part is complete when more follows: the last one is told by the end.
                if current.size == plan.size(of: current.number) { endCurrent(next: true) }
                let count = Int(min(Int64(buffer.readableBytes), plan.size(of: current.number) - current.size))
                guard let slice = buffer.readSlice(length: count) else { return nil }
                guard total + Int64(count) <= PartPlan.largestObject else { throw .noRoom }
                slice.withUnsafeReadableBytes { whole?.update($0) }
                total += Int64(count)
                try current.append(slice) { () throws(BlobStoreError) in try file() }
            }
            return nil
        } catch {
            return error
        }
    }

    /// Ends the last part.
    ///
    /// - Returns: The part, if it is the only one; of several it is among those complete.
    func seal() throws(BlobStoreError) -> (blob: SealedBlob, only: SpooledPart?) {
        let isOnly = current.number == 1
        endCurrent(next: false)
        guard let digest = whole.take()?.finalize(), let sha256 = Digest(digest) else {
            throw .unavailable("an upload was sealed twice")
        }
        let only = isOnly ? takeComplete() : nil
        return (SealedBlob(size: total, sha256: sha256), only)
    }

    /// The next part that is complete.
    func takeComplete() -> SpooledPart? {
        shared.withLock { $0.complete.isEmpty ? nil : $0.complete.removeFirst() }
    }

    /// Takes back the file of a part that was sent.
    func recycle(_ part: SpooledPart) {
        guard let file = part.release() else { return }
        shared.withLock { $0.files.append(file) }
    }

    private func endCurrent(next: Bool) {
        let part = current
        part.finish(whole?.copy().finalize() ?? [])
        shared.withLock { $0.complete.append(part) }
        if next { current = SpooledPart(number: part.number + 1, hashes: true) }
    }

    private func file() throws(BlobStoreError) -> SpoolFile {
        if let used = shared.withLock({ $0.files.popLast() }) { return used }
        return try SpoolFile(directory: directory)
    }
}
