internal import Cryptography
internal import CustodeCore
internal import NIOCore
internal import Synchronization

/// Cuts what comes into parts, spools them and hashes both the parts and the whole.
///
/// Filled by one thread at a time; parts that are complete are fetched by the upload.
final class PartSpool: @unchecked Sendable {
    // Unchecked: what the drain alone touches; the drain's lock orders that and the sealing.
    private var current: SpooledPart
    private var whole: SHA256? = SHA256()
    private var total: Int64 = 0

    private struct Shared {
        var complete: [SpooledPart] = []
        var rooms: [SpooledPart.Room] = []
        /// How many bytes of memory were granted.
        var granted: Int64 = 0
    }

    private let shared = Mutex(Shared())
    private let plan: PartPlan
    private let directory: String
    private let memory: PartMemory

    init(_ plan: PartPlan, directory: String, memory: PartMemory) {
        self.plan = plan
        self.directory = directory
        self.memory = memory
        current = SpooledPart(number: 1, hashes: false)
    }

    deinit { memory.giveBack(shared.withLock { $0.granted }) }

    /// Takes the next bytes, on a thread that may wait for a disk.
    func take(_ buffer: ByteBuffer) -> BlobStoreError? {
        var buffer = buffer
        do throws(BlobStoreError) {
            while buffer.readableBytes > 0 {
                let left = plan.size(of: current.number) - current.size
                // A part is complete when more follows: the last one is told by the end.
                if left == 0 { endCurrent(next: true) }
                let count = Int(min(Int64(buffer.readableBytes), left == 0 ? plan.size(of: current.number) : left))
                guard let slice = buffer.readSlice(length: count) else { return nil }
                guard total + Int64(count) <= PartPlan.largestObject else { throw .noRoom }
                slice.withUnsafeReadableBytes { whole?.update($0) }
                total += Int64(count)
                try current.append(slice) { () throws(BlobStoreError) in try room() }
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

    /// Takes back the room of a part that was sent.
    func recycle(_ part: SpooledPart) {
        guard let room = part.release() else { return }
        shared.withLock { $0.rooms.append(room) }
    }

    private func endCurrent(next: Bool) {
        let part = current
        part.finish(whole?.copy().finalize() ?? [])
        shared.withLock { $0.complete.append(part) }
        if next { current = SpooledPart(number: part.number + 1, hashes: true) }
    }

    private func room() throws(BlobStoreError) -> SpooledPart.Room {
        let size = plan.size(of: current.number)
        // Large parts are never in memory: they are of uploads of unknown or enormous size.
        let mayBeInMemory = size == PartPlan.usual
        var used = shared.withLock { shared -> SpooledPart.Room? in
            if !mayBeInMemory { shared.rooms.removeAll { if case .memory = $0 { true } else { false } } }
            return shared.rooms.popLast()
        }
        // Emptied only now: while its sending ends somebody may hold the memory still, and would be left with it.
        if case .memory(var buffer)? = used {
            used = nil
            buffer.clear()
            return .memory(buffer)
        }
        if let used { return used }
        guard mayBeInMemory, memory.take(size) else { return .file(try SpoolFile(directory: directory)) }
        shared.withLock { $0.granted += size }
        return .memory(ByteBufferAllocator().buffer(capacity: Int(size)))
    }
}
