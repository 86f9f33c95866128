internal import Glibc
internal import Synchronization

/// The queue between callers and the threads that own the cookies.
final class SniffMailbox: Sendable {
    /// One question.
    struct Question: Sendable {
        let id: Int
        let prefix: [UInt8]
        let continuation: CheckedContinuation<Result<String, SnifferError>, Never>
    }

    private struct State {
        var questions: [Question] = []
        var cancelledEarly: Set<Int> = []
        var nextID = 0
        var isStopped = false
    }

    private let state = Mutex(State())
    private let wakeups = Semaphore()

    /// A name for the next question, by which it can be withdrawn.
    func reserve() -> Int {
        state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
    }

    /// Hands a question to the threads; its continuation is resumed exactly once.
    func ask(_ question: Question) {
        let failure: SnifferError? = state.withLock { state in
            if state.cancelledEarly.remove(question.id) != nil { return SnifferError(.cancelled) }
            if state.isStopped { return SnifferError(.stopped) }
            state.questions.append(question)
            return nil
        }
        if let failure {
            question.continuation.resume(returning: .failure(failure))
        } else {
            wakeups.signal()
        }
    }

    /// Withdraws a question; one that a thread has taken is answered in a moment anyway.
    func cancel(_ id: Int) {
        let withdrawn: Question? = state.withLock { state in
            guard let index = state.questions.firstIndex(where: { $0.id == id }) else {
                // Cancellation may come before the question is asked.
                state.cancelledEarly.insert(id)
                return nil
            }
            return state.questions.remove(at: index)
        }
        withdrawn?.continuation.resume(returning: .failure(SnifferError(.cancelled)))
    }

    /// Forgets a name that ``reserve()`` gave.
    func release(_ id: Int) {
        state.withLock { state in _ = state.cancelledEarly.remove(id) }
    }

    /// Waits for a question on the calling thread; `nil` when it is time to end.
    func next() -> Question? {
        while true {
            wakeups.wait()
            let (question, isStopped) = state.withLock { state in
                (state.questions.isEmpty ? nil : state.questions.removeFirst(), state.isStopped)
            }
            // Without a question and not stopped: it was withdrawn.
            if let question { return question }
            if isStopped { return nil }
        }
    }

    /// Turns away what waits and what comes, and ends as many threads.
    func stop(threads: Int) {
        let waiting = state.withLock { state in
            state.isStopped = true
            defer { state.questions = [] }
            return state.questions
        }
        for question in waiting {
            question.continuation.resume(returning: .failure(SnifferError(.stopped)))
        }
        for _ in 0..<threads { wakeups.signal() }
    }
}

// Sendable without a check: a sem_t is made for being used from many threads, at one address for life.
private final class Semaphore: @unchecked Sendable {
    private let handle = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(handle, 0, 0) }

    deinit {
        sem_destroy(handle)
        handle.deallocate()
    }

    func signal() { sem_post(handle) }

    func wait() {
        while sem_wait(handle) != 0 {}
    }
}
