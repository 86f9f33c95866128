internal import CustodeCore
internal import NIOCore
internal import NIOPosix
internal import Synchronization

/// Passes buffers to blocking work in their order, on one thread of a pool at a time, while more come in.
final class SerialDrain: Sendable {
    /// How many bytes may wait before whoever pushes should; what a buffer takes counts, not only what it holds.
    private let highWater: Int
    private var lowWater: Int { highWater / 2 }
    /// How many bytes are worth waking a thread for, while more are on their way; no more than may wait.
    private var batch: Int { min(192 * 1_024, highWater) }

    typealias Work = @Sendable (ByteBuffer) -> BlobStoreError?

    private struct State {
        var waiting: [ByteBuffer] = []
        var waitingBytes = 0
        var isDraining = false
        var failure: BlobStoreError?
        var pusher: CheckedContinuation<Void, Never>?
        var settler: CheckedContinuation<Void, Never>?
    }

    private let threads: NIOThreadPool
    private let work: Work
    private let state = Mutex(State())

    /// A drain into work that is done on a pool; after its first failure what comes is dropped.
    init(_ threads: NIOThreadPool, highWater: Int = 512 * 1_024, work: @escaping Work) {
        self.highWater = highWater
        self.threads = threads
        self.work = work
    }

    /// Takes a buffer.
    func push(_ buffer: ByteBuffer) {
        let starts = state.withLock { state in
            state.waiting.append(buffer)
            state.waitingBytes += buffer.storageCapacity
            return Self.starts(&state, from: batch)
        }
        if starts { threads.submit { _ in self.drain() } }
    }

    /// Whether enough is waiting for a thread, and none is at it; it is from then on.
    private static func starts(_ state: inout State, from bytes: Int) -> Bool {
        guard !state.isDraining, state.waitingBytes >= bytes else { return false }
        state.isDraining = true
        return true
    }

    /// Waits while too much is waiting.
    func room() async throws(BlobStoreError) {
        if state.withLock({ $0.waitingBytes > highWater && $0.failure == nil }) {
            await withCheckedContinuation { continuation in
                let resumesNow = state.withLock { state in
                    if state.waitingBytes <= lowWater || state.failure != nil { return true }
                    state.pusher = continuation
                    return false
                }
                if resumesNow { continuation.resume() }
            }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Waits until no thread of the pool is at it; what still waits then is for ``finish()``.
    func settle() async throws(BlobStoreError) {
        await withCheckedContinuation { continuation in
            let resumesNow = state.withLock { state in
                guard state.isDraining else { return true }
                state.settler = continuation
                return false
            }
            if resumesNow { continuation.resume() }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Works on what still waits, on the caller's thread: a small body costs no thread of its own.
    ///
    /// Only after ``settle()``, and with nothing pushed since.
    func finish() throws(BlobStoreError) {
        if state.withLock({ Self.starts(&$0, from: 1) }) { drain() }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    private func drain() {
        while true {
            let (batch, settler) = state.withLock { state in
                let batch = state.waiting
                state.waiting.removeAll()
                if batch.isEmpty { state.isDraining = false }
                return (batch, batch.isEmpty ? state.settler.take() : nil)
            }
            guard !batch.isEmpty else {
                settler?.resume()
                return
            }
            for buffer in batch {
                let failed = state.withLock { $0.failure != nil }
                let failure = failed ? nil : work(buffer)
                let pusher = state.withLock { state -> CheckedContinuation<Void, Never>? in
                    state.waitingBytes -= buffer.storageCapacity
                    state.failure = state.failure ?? failure
                    return state.waitingBytes <= lowWater || state.failure != nil ? state.pusher.take() : nil
                }
                pusher?.resume()
            }
        }
    }
}
