internal import Glibc

/// One thread and the cookie that is its own.
// Sendable without a check: after start() only the thread touches the cookie.
final class SniffWorker: @unchecked Sendable {
    private let cookie: MagicCookie
    private let mailbox: SniffMailbox

    init(cookie: consuming MagicCookie, mailbox: SniffMailbox) {
        self.cookie = cookie
        self.mailbox = mailbox
    }

    /// Starts the thread, which keeps the worker alive until the mailbox is stopped.
    ///
    /// - Returns: Whether the system had a thread to give.
    func start() -> Bool {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let body: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { context in
            guard let context else { return nil }
            Unmanaged<SniffWorker>.fromOpaque(context).takeRetainedValue().run()
            return nil
        }
        guard pthread_create(&thread, nil, body, context.toOpaque()) == 0 else {
            context.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    private func run() {
        while let question = mailbox.next() {
            question.continuation.resume(returning: cookie.mimeType(of: question.prefix))
        }
    }
}
