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
    private var whole: SHA256?
    private var total: Int64
    /// How many bytes of the first part are kept elsewhere.
    private var elsewhere: Int64

    private struct Shared {
        var complete: [SpooledPart] = []
        var files: [SpoolFile] = []
    }

    private let shared = Mutex(Shared())
    private let plan: PartPlan
    private let directory: String
    private let hashesParts: Bool

    /// - Parameters:
    ///   - number: That of the first part.
    ///   - elsewhere: How many bytes of the first part are kept elsewhere.
    ///   - whole: The hash of all that came before.
    ///   - total: How many bytes came before.
    ///   - hashesParts: Whether each part needs a hash of its own.
    init(
        _ plan: PartPlan, directory: String, number: Int = 1, elsewhere: Int64 = 0,
        whole: consuming SHA256 = SHA256(), total: Int64 = 0, hashesParts: Bool = true
    ) {
        self.plan = plan
        self.directory = directory
        self.elsewhere = elsewhere
        self.total = total
        self.whole = consume whole
        self.hashesParts = hashesParts
        current = SpooledPart(number: number, hashes: hashesParts && total > 0)
    }

    /// Takes the next bytes, on a thread that may wait for a disk.
    func take(_ buffer: ByteBuffer) -> BlobStoreError? {
        var buffer = buffer
        do throws(BlobStoreError) {
            while buffer.readableBytes > 0 {
                // A part is complete when more follows: the last one is told by the end.
                if current.size == room { endCurrent(next: true) }
                let count = Int(min(Int64(buffer.readableBytes), room - current.size))
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

    /// How many bytes the current part takes; one at least, where the plan has changed since the others came.
    private var room: Int64 { max(1, plan.size(of: current.number) - elsewhere) }

    /// Ends what comes in one request: the last part, which may be complete or not, or hold nothing.
    ///
    /// - Returns: It, and what is known of all bytes; the parts before it are among those complete.
    func cut() -> (part: SpooledPart, isFull: Bool, hash: [UInt8], total: Int64) {
        let isFull = current.size == room
        endCurrent(next: false)
        let part = shared.withLock { $0.complete.removeLast() }
        return (part, isFull, whole?.state ?? [], total)
    }

    /// The SHA-256 of all bytes so far.
    func digest() -> Digest? { (whole?.copy().finalize()).flatMap(Digest.init) }

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
        part.finish(whole?.copy().finalize() ?? [], then: whole?.state ?? [])
        shared.withLock { $0.complete.append(part) }
        if next {
            elsewhere = 0
            current = SpooledPart(number: part.number + 1, hashes: hashesParts, isFirst: false)
        }
    }

    func file() throws(BlobStoreError) -> SpoolFile {
        if let used = shared.withLock({ $0.files.popLast() }) { return used }
        return try SpoolFile(directory: directory)
    }
}
