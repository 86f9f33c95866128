import CustodeCore
import Logging
import ServiceLifecycle
import Synchronization

/// Looks after resumable uploads while the service runs: lets newer requests have what older ones hold, finishes what was
/// interrupted, and gives up what rested for too long.
///
/// Any number of services may do so beside one another.
final class UploadKeeper: Service {
    private static let watchInterval = Duration.milliseconds(200)
    private static let dropInterval = Duration.seconds(3_600)
    /// What a store keeps of an upload that was begun so recently may not be remembered yet.
    private static let dropAge = Duration.seconds(3_600)

    private let uploads: ResumableUploads
    private let watch: AppendWatch
    private let store: any CollectableStore
    private let poll: Duration
    private let logger: Logger
    private let trouble = Mutex<String?>(nil)

    init(
        uploads: ResumableUploads, watch: AppendWatch, store: any CollectableStore, poll: Duration, logger: Logger
    ) {
        self.uploads = uploads
        self.watch = watch
        self.store = store
        self.poll = poll
        self.logger = logger
    }

    /// Works until the service stops; requests under way keep what they hold to the end.
    func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.keepWatch() }
            group.addTask { await self.tidy() }
        }
    }

    // Its turn to stop comes behind the listeners': what these still drain keeps its leases.
    private func keepWatch() async {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            await watch.look()
            try? await cancelWhenGracefulShutdown { try await ContinuousClock().sleep(for: Self.watchInterval) }
        }
    }

    private func tidy() async {
        var nextDrop = ContinuousClock.now
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                _ = try await uploads.tidy()
                if ContinuousClock.now >= nextDrop {
                    nextDrop = .now + Self.dropInterval
                    try await uploads.dropForgotten(before: store.clock() + (.zero - Self.dropAge))
                }
                note(nil)
            } catch {
                note("uploads will be tidied again: \(error)")
            }
            try? await cancelWhenGracefulShutdown { [poll] in try await ContinuousClock().sleep(for: poll) }
        }
    }

    /// Says what is wrong once, rather than each time that it is still so.
    private func note(_ text: String?) {
        let isNew = trouble.withLock { trouble in
            defer { trouble = text }
            return trouble != text
        }
        if isNew, let text { logger.error("\(text)") }
    }
}
