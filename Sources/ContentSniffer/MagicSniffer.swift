internal import Glibc
internal import Synchronization

/// Asks libmagic what bytes are, on threads of its own.
///
/// Every thread owns one handle, loaded before the initializer returns, so Swift's pool is never blocked
/// and no handle is ever shared. The tests for text, archives and programs are off: text of any kind reads
/// `application/octet-stream`.
public final class MagicSniffer: Sendable {
    private let mailbox = SniffMailbox()
    private let threadsToStop: Mutex<Int>

    /// Loads the handles and starts the threads.
    ///
    /// - Parameters:
    ///   - threads: How many questions are answered at a time; at least one.
    ///   - databasePath: The compiled magic to use; `nil` for the installed one.
    /// - Throws: ``SnifferError`` with ``SnifferError/Code/unavailable``.
    public init(threads: Int = 2, databasePath: String? = nil) throws(SnifferError) {
        var workers: [SniffWorker] = []
        for _ in 0..<max(1, threads) {
            workers.append(SniffWorker(cookie: try MagicCookie(databasePath: databasePath), mailbox: mailbox))
        }
        threadsToStop = Mutex(0)
        for worker in workers {
            guard worker.start() else {
                shutdown()
                throw SnifferError(.unavailable, "no thread could be started")
            }
            threadsToStop.withLock { $0 += 1 }
        }
    }

    deinit { shutdown() }

    /// The media type that the first bytes of a body look like; at most 4,096 of them are looked at.
    ///
    /// What libmagic does not know is `application/octet-stream`.
    ///
    /// - Throws: ``SnifferError``, never for the bytes alone.
    public func mimeType(of prefix: [UInt8]) async throws(SnifferError) -> String {
        let bytes =
            prefix.count > MagicCookie.prefixLength ? Array(prefix[..<MagicCookie.prefixLength]) : prefix
        let id = mailbox.reserve()
        defer { mailbox.release(id) }
        let answer = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                mailbox.ask(SniffMailbox.Question(id: id, prefix: bytes, continuation: continuation))
            }
        } onCancel: {
            mailbox.cancel(id)
        }
        return try answer.get()
    }

    /// Ends the threads once they answered what they hold; whatever waits or comes after is turned away.
    ///
    /// Can be called any number of times; does not wait for the threads.
    public func shutdown() {
        let threads = threadsToStop.withLock { count in
            defer { count = 0 }
            return count
        }
        mailbox.stop(threads: threads)
    }
}
