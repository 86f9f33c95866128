internal import CustodeCore
internal import NIOPosix
internal import Synchronization

/// A listing of a directory: walked by a thread of the pool, some pages ahead of whoever asks for them.
final class DirectoryListing: BlobListing {
    /// How many pages may wait to be asked for.
    private static let pagesAhead = 2

    private typealias Step = Result<ListingPage?, BlobStoreError>

    private struct State {
        var pages: [ListingPage] = []
        /// How it ended; told again and again.
        var end: Step?
        var isWalking = false
        var waiter: CheckedContinuation<Step, Never>?
    }

    private let store: DirectoryStore
    // Touched by whichever thread walks; the lock lets one do so at a time, and orders them.
    nonisolated(unsafe) private let walk: DirectoryWalk
    private let state = Mutex(State())

    init(store: DirectoryStore, scope: ListingScope) {
        self.store = store
        walk = DirectoryWalk(scope: scope, calls: store.calls, window: store.window)
    }

    /// The next objects; `nil` after the last.
    func next() async throws(BlobStoreError) -> ListingPage? {
        let step = await withCheckedContinuation { continuation in
            let (step, starts) = state.withLock { state in
                let step = Self.take(&state)
                if step == nil { state.waiter = continuation }
                let starts = !state.isWalking && state.end == nil
                if starts { state.isWalking = true }
                return (step, starts)
            }
            if starts { store.threads.submit { self.go(on: $0) } }
            if let step { continuation.resume(returning: step) }
        }
        return try step.get()
    }

    private static func take(_ state: inout State) -> Step? {
        if !state.pages.isEmpty { return .success(state.pages.removeFirst()) }
        return state.end
    }

    /// Walks until enough pages wait, or the end is reached.
    private func go(on workItem: NIOThreadPool.WorkItemState) {
        var goesOn = true
        while goesOn {
            let step: Step
            if case .active = workItem {
                step = Result { () throws(BlobStoreError) in try walk.page(beneath: store.root) }
            } else {
                step = .failure(.unavailable("the service is stopping"))
            }
            let waiter: CheckedContinuation<Step, Never>?
            (waiter, goesOn) = state.withLock { state in
                let waiter = state.waiter.take()
                switch step {
                case .success(let page?): if waiter == nil { state.pages.append(page) }
                case .success(nil), .failure: state.end = step
                }
                state.isWalking = state.end == nil && state.pages.count < Self.pagesAhead
                return (waiter, state.isWalking)
            }
            waiter?.resume(returning: step)
        }
    }
}
