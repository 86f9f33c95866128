internal import CustodeCore
internal import Glibc
internal import NIOPosix
internal import Synchronization

/// Makes what many writers did to a file system survive a crash, all at once.
///
/// Whoever asks is answered by a sync that began after that, and that others share: the more wait, the less each costs.
/// It writes out whatever else is dirty there, too, so it is for work that has the file system to itself. A sync that
/// failed is the last: the kernel tells of a lost page once, and whose it was nobody knows.
final class GroupSync: Sendable {
    private struct State {
        var waiting: [CheckedContinuation<BlobStoreError?, Never>] = []
        var isSyncing = false
        var failure: BlobStoreError?
    }

    private let root: Int32
    private let calls: FileSystemCalls
    private let threads: NIOThreadPool
    private let state = Mutex(State())

    /// - Parameter root: A descriptor on the file system, open as long as this is used.
    init(root: Int32, calls: FileSystemCalls, threads: NIOThreadPool) {
        self.root = root
        self.calls = calls
        self.threads = threads
    }

    /// Waits until everything done before is durable.
    func callAsFunction() async throws(BlobStoreError) {
        let failure = await withCheckedContinuation { continuation in
            let starts = state.withLock { state in
                state.waiting.append(continuation)
                defer { state.isSyncing = true }
                return !state.isSyncing
            }
            if starts { threads.submit { self.sync($0) } }
        }
        if let failure { throw failure }
    }

    private func sync(_ workItem: NIOThreadPool.WorkItemState) {
        while true {
            let waiting = state.withLock { state in
                let waiting = state.waiting
                state.waiting = []
                if waiting.isEmpty { state.isSyncing = false }
                return waiting
            }
            guard !waiting.isEmpty else { return }
            let failure: BlobStoreError?
            if let earlier = state.withLock({ $0.failure }) {
                failure = earlier
            } else if case .active = workItem {
                let code = calls.syncAll(root)
                failure = code == 0 ? nil : .system("sync the bucket", -code)
            } else {
                failure = .unavailable("the service is stopping")
            }
            state.withLock { $0.failure = failure }
            for one in waiting { one.resume(returning: failure) }
        }
    }
}
