internal import CLibCurl
internal import CLinux
internal import Glibc
internal import Synchronization
internal import Threads

/// One thread that drives all transfers (libcurl's multi interface over epoll).
///
/// Others leave word in a mailbox; only the thread touches libcurl.
final class FetchLoop: Sendable {
    private struct Mailbox {
        var submitted: [Transfer] = []
        var resumed: [Transfer] = []
        var removed: [Transfer] = []
        var isStopping = false
        var hasStopped = false
        var stopWaiters: [CheckedContinuation<Void, Never>] = []

        /// Leaves word, unless nobody will fetch it, who would be kept by it for ever.
        mutating func leave(_ word: (inout Mailbox) -> Void) {
            if !isStopping { word(&self) }
        }

        var isEmpty: Bool { submitted.isEmpty && resumed.isEmpty && removed.isEmpty }
    }

    /// What a TLS handshake may want on the stack, and more.
    private static let stackBytes = 2 * 1_024 * 1_024

    private let mailbox = Mutex(Mailbox())
    private let wakeups: Int32
    private let budget: Int
    /// A file of the certificates that are trusted, if not the system's.
    let certificates: String?

    /// - Parameter budget: How many bytes may wait for readers, all together.
    init(budget: Int, certificates: String?) throws(FetchError) {
        self.budget = budget
        self.certificates = certificates
        wakeups = eventfd(0, Int32(EFD_CLOEXEC) | Int32(EFD_NONBLOCK))
        guard wakeups >= 0 else { throw FetchError(.stopped, "the system grants no eventfd") }
    }

    deinit { close(wakeups) }

    /// Starts the thread, which runs until it is told to stop.
    func start() throws(FetchError) {
        guard let driver = FetchDriver(budget: budget, wakeups: wakeups),
            DedicatedThread.start(stackBytes: Self.stackBytes, { driver.run(self.takeMail) { self.noteStopped() } })
        else { throw FetchError(.stopped, "the system grants no thread for requests") }
    }

    func submit(_ transfer: Transfer) {
        let isStopping = post { mailbox in
            guard !mailbox.isStopping else { return true }
            mailbox.submitted.append(transfer)
            return false
        }
        if isStopping { transfer.end(.failure(FetchError(.stopped, "the service is stopping"))) }
    }

    func resume(_ transfer: Transfer) { post { $0.leave { $0.resumed.append(transfer) } } }

    func remove(_ transfer: Transfer) { post { $0.leave { $0.removed.append(transfer) } } }

    /// Ends what runs, and waits for the thread to end.
    func stop() async {
        await withCheckedContinuation { waiter in
            let isOver = post { mailbox in
                mailbox.isStopping = true
                if !mailbox.hasStopped { mailbox.stopWaiters.append(waiter) }
                return mailbox.hasStopped
            }
            if isOver { waiter.resume() }
        }
    }

    @discardableResult
    private func post<T>(_ change: (inout Mailbox) -> sending T) -> T {
        let result = mailbox.withLock { mailbox in
            // Who finds mail that was not fetched yet need not ring again.
            let rings = mailbox.isEmpty
            return (value: change(&mailbox), rings: rings)
        }
        if result.rings {
            var one: UInt64 = 1
            _ = write(wakeups, &one, MemoryLayout<UInt64>.size)
        }
        return result.value
    }

    private func takeMail() -> FetchDriver.Mail {
        var count: UInt64 = 0
        _ = read(wakeups, &count, MemoryLayout<UInt64>.size)
        return mailbox.withLock { mailbox in
            let mail = FetchDriver.Mail(
                submitted: mailbox.submitted, resumed: mailbox.resumed, removed: mailbox.removed,
                isStopping: mailbox.isStopping)
            mailbox.submitted.removeAll()
            mailbox.resumed.removeAll()
            mailbox.removed.removeAll()
            return mail
        }
    }

    private func noteStopped() {
        let waiters = mailbox.withLock { mailbox in
            mailbox.hasStopped = true
            defer { mailbox.stopWaiters.removeAll() }
            return mailbox.stopWaiters
        }
        for waiter in waiters { waiter.resume() }
    }
}
