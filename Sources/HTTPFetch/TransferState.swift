internal import NIOCore

/// What is known of a transfer: between the loop's thread, which fills it, and the task that reads it.
///
/// A value: each event is decided under a lock, and what follows from it is done after.
struct TransferState {
    typealias Waiter<T> = CheckedContinuation<Result<T, FetchError>, Never>

    /// Who is to be woken, with what.
    enum Wakeup {
        case nobody
        case head(Waiter<FetchHead>, Result<FetchHead, FetchError>)
        case reader(Waiter<ByteBuffer?>, Result<ByteBuffer?, FetchError>)

        func perform() {
            switch self {
            case .nobody: break
            case .head(let waiter, let result): waiter.resume(returning: result)
            case .reader(let waiter, let result): waiter.resume(returning: result)
            }
        }
    }

    private(set) var isPaused = false
    private(set) var isAbandoned = false
    /// Whether nothing more will come.
    var isOver: Bool { ending != nil }
    private var head: FetchHead?
    private var hasHead = false
    private var waiting = ByteBuffer()
    private var ending: Result<Void, FetchError>?
    private var headWaiter: Waiter<FetchHead>?
    private var reader: Waiter<ByteBuffer?>?

    /// A line of the head: the status line, a field, or the empty one that ends it.
    mutating func take(headerLine line: Substring) -> Wakeup {
        // Fields after the body are nobody's business here.
        guard !hasHead else { return .nobody }
        if line.hasPrefix("HTTP/") {
            head = FetchHead(status: line.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
            return .nobody
        }
        guard line.isEmpty else {
            head?.append(line: line)
            return .nobody
        }
        // Another head follows a provisional one (RFC 9110 §15.2).
        guard let head, head.status >= 200 else { return .nobody }
        hasHead = true
        guard let waiter = headWaiter.take() else { return .nobody }
        return .head(waiter, .success(head))
    }

    /// What becomes of bytes that came.
    enum Verdict {
        case taken
        /// Enough wait already: they are to be offered again when the reader has taken those.
        case later
        /// Nobody reads, or they belong to no reply: a server may change to another protocol unasked (101).
        case unwanted
    }

    /// Bytes of the body.
    mutating func take(_ bytes: UnsafeRawBufferPointer, mark: Int) -> (Verdict, Wakeup) {
        guard !isAbandoned, hasHead else { return (.unwanted, .nobody) }
        isPaused = reader == nil && waiting.readableBytes >= mark
        if isPaused { return (.later, .nobody) }
        waiting.writeBytes(bytes)
        guard let reader = reader.take() else { return (.taken, .nobody) }
        defer { waiting = ByteBuffer() }
        return (.taken, .reader(reader, .success(waiting)))
    }

    /// The end, of which only the first counts.
    mutating func end(_ result: Result<Void, FetchError>) -> Wakeup {
        guard ending == nil else { return .nobody }
        var result = result
        if case .success = result, !hasHead { result = .failure(Self.headless) }
        ending = result
        if let waiter = headWaiter.take() { return .head(waiter, result.flatMap { .failure(Self.headless) }) }
        if let reader = reader.take() { return .reader(reader, result.map { nil }) }
        return .nobody
    }

    static let givenUp = FetchError(.cancelled, "the request was given up")
    private static let headless = FetchError(.broken, "the server sent no reply")

    /// Nobody will ask again.
    mutating func abandon() -> Wakeup {
        isAbandoned = true
        // What has come as a whole and is dropped unread must not look like one that was shorter.
        if waiting.readableBytes > 0 { ending = nil }
        waiting = ByteBuffer()
        return end(.failure(Self.givenUp))
    }

    /// Asks for the head; answers at once if that can be told.
    mutating func askForHead(_ waiter: Waiter<FetchHead>) -> Wakeup {
        if hasHead, !isAbandoned, let head { return .head(waiter, .success(head)) }
        if case .failure(let error)? = ending { return .head(waiter, .failure(error)) }
        if isAbandoned { return .head(waiter, .failure(Self.givenUp)) }
        headWaiter = waiter
        return .nobody
    }

    /// Asks for bytes; answers at once if there are some, or none will come.
    ///
    /// Tells whether the loop is to go on.
    mutating func askForBytes(_ waiter: Waiter<ByteBuffer?>) -> (resumes: Bool, Wakeup) {
        if waiting.readableBytes > 0 {
            let bytes = waiting
            waiting = ByteBuffer()
            defer { isPaused = false }
            return (isPaused, .reader(waiter, .success(bytes)))
        }
        if let ending { return (false, .reader(waiter, ending.map { nil })) }
        reader = waiter
        return (false, .nobody)
    }
}
