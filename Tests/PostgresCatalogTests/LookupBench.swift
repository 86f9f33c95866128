import CustodeCore
import Synchronization
import Testing

@testable import PostgresCatalog

/// A batcher over a database whose queries end when the test says so.
final class LookupBench: Sendable {
    typealias Answer = Result<[JobObject?], CatalogError>

    struct Query {
        let jobs: [String]
        let end: CheckedContinuation<Answer, Never>
    }

    private struct State {
        var running: [Query] = []
        var sent: [[String]] = []
        var answers: [String: Result<JobObject?, CatalogError>] = [:]
        var tasks: [String: Task<Void, Never>] = [:]
    }

    private let state = Mutex(State())
    private let executor = ManualExecutor()

    /// Batches sent so far.
    var sent: [[String]] { state.withLock { $0.sent } }
    var running: Int { state.withLock { $0.running.count } }
    func answer(to job: String) -> Result<JobObject?, CatalogError>? { state.withLock { $0.answers[job] } }
    var answered: Int { state.withLock { $0.answers.count } }

    private func makeBatcher() -> LookupBatcher {
        LookupBatcher { [self] questions throws(CatalogError) in
            // As the client does for a caller that gave up.
            if Task.isCancelled { throw .cancelled }
            return try await withCheckedContinuation { end in
                state.withLock { state in
                    let jobs = questions.map(\.job)
                    state.sent.append(jobs)
                    state.running.append(Query(jobs: jobs, end: end))
                }
            }.get()
        }
    }

    // Holds the bench in its closure; the test's end breaks the circle.
    private let made = Mutex<LookupBatcher?>(nil)
    private var batcher: LookupBatcher {
        made.withLock { made in
            if let made { return made }
            let batcher = makeBatcher()
            made = batcher
            return batcher
        }
    }

    /// Asks for jobs, each in a task of its own, and returns when all of them wait or have their answers.
    func ask(_ jobs: String...) { ask(jobs) }

    func ask(_ jobs: [String]) {
        let batcher = batcher
        for job in jobs {
            let task = Task(executorPreference: executor) { [self] in
                let result: Result<JobObject?, CatalogError>
                do throws(CatalogError) {
                    result = .success(try await batcher.find(LookupQuestion(job: job, object: "input")))
                } catch {
                    result = .failure(error)
                }
                state.withLock { $0.answers[job] = result }
            }
            state.withLock { $0.tasks[job] = task }
            executor.drain()
        }
    }

    func cancel(_ job: String) {
        state.withLock { $0.tasks[job] }?.cancel()
        executor.drain()
    }

    /// Asks until no further query is sent at once: every lane is busy, and nobody waits but the last who asked.
    func fillLanes() {
        var asked = 0
        repeat {
            asked += 1
            ask("busy\(asked)")
        } while sent.count == asked && asked < 64
    }

    /// Ends the oldest query.
    func endQuery(_ error: CatalogError? = nil, epoch: UInt32 = 0) {
        let query = state.withLock { $0.running.isEmpty ? nil : $0.running.removeFirst() }
        query?.end.resume(
            returning: error.map { .failure($0) } ?? .success(query?.jobs.map { Self.found($0, epoch) } ?? []))
        executor.drain()
    }

    func endAll() {
        while running > 0 { endQuery() }
        made.withLock { $0 = nil }
    }

    /// Jobs whose name begins with `no` do not exist.
    static func found(_ job: String, _ epoch: UInt32 = 0) -> JobObject? {
        guard !job.hasPrefix("no"), let id = JobID(job), let owner = UserID("u") else { return nil }
        return JobObject(job: id, owner: owner, type: JobType("transcription"), linkEpoch: epoch, reference: nil)
    }
}
