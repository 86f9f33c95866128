internal import CustodeCore
internal import Synchronization

/// One look-up.
struct LookupQuestion: Sendable {
    let job: String
    let object: String
}

/// Look-ups that share queries.
typealias LookupBatcher = QueryBatcher<LookupQuestion, JobObject?>

/// Lets questions that wait at the same time share one query.
///
/// One that finds a free lane goes at once and takes along whoever waits. One that finds none
/// waits, to be taken along or to be made the leader of the next batch. No answer outlives its query,
/// and none comes from a query that was sent before the question was asked.
final class QueryBatcher<Question: Sendable, Answer: Sendable>: Sendable {
    /// Answers questions, each in its place.
    typealias Ask = @Sendable ([Question]) async throws(CatalogError) -> [Answer]

    private static var lanes: Int { 1 }
    private static var largestBatch: Int { 128 }

    private enum Turn: Sendable {
        case answered(Result<Answer, CatalogError>)
        case lead
        case askAgain
    }

    private struct Waiter {
        let question: Question
        let continuation: CheckedContinuation<Turn, Never>
    }

    private struct State {
        var busyLanes = 0
        var waiters: [Waiter] = []
    }

    private let ask: Ask
    private let state = Mutex(State())

    init(ask: @escaping Ask) { self.ask = ask }

    func find(_ question: Question) async throws(CatalogError) -> Answer {
        while true {
            switch await turn(question) {
            case .answered(let result): return try result.get()
            case .lead: return try await lead(question)
            case .askAgain: continue
            }
        }
    }

    private func turn(_ question: Question) async -> Turn {
        let leadsNow = state.withLock { state in
            guard state.busyLanes < Self.lanes else { return false }
            state.busyLanes += 1
            return true
        }
        if leadsNow { return .lead }
        return await withCheckedContinuation { continuation in
            let mayLead = state.withLock { state in
                guard state.busyLanes == Self.lanes else {
                    state.busyLanes += 1
                    return true
                }
                state.waiters.append(Waiter(question: question, continuation: continuation))
                return false
            }
            if mayLead { continuation.resume(returning: .lead) }
        }
    }

    /// Asks for one's own question and those of everybody who waits, then passes the lane on.
    private func lead(_ question: Question) async throws(CatalogError) -> Answer {
        let followers = state.withLock { state in
            let count = min(state.waiters.count, Self.largestBatch - 1)
            let taken = Array(state.waiters.prefix(count))
            state.waiters.removeFirst(count)
            return taken
        }
        let answer = await answers(question, followers)
        let next = state.withLock { state -> Waiter? in
            guard !state.waiters.isEmpty else {
                state.busyLanes -= 1
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.continuation.resume(returning: .lead)
        return try answer.get()
    }

    private func answers(_ question: Question, _ followers: [Waiter]) async -> Result<Answer, CatalogError> {
        do throws(CatalogError) {
            let found = try await ask([question] + followers.map(\.question))
            guard found.count == followers.count + 1 else {
                throw CatalogError.failed("\(found.count) answers to \(followers.count + 1) questions")
            }
            for (index, follower) in followers.enumerated() {
                follower.continuation.resume(returning: .answered(.success(found[index + 1])))
            }
            return .success(found[0])
        } catch {
            for follower in followers {
                // The leader's client may have gone; that is no answer for the others, who ask again.
                follower.continuation.resume(returning: error == .cancelled ? .askAgain : .answered(.failure(error)))
            }
            return .failure(error)
        }
    }
}
