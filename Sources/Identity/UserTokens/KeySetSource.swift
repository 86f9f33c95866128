internal import CustodeCore
internal import Synchronization

/// Keeps an issuer's key set: fetched by one at a time, whoever asks, and renewed before anybody does.
public final class KeySetSource: Sendable {
    /// Gets the key set's document, within a time of its own.
    public typealias Fetch = @Sendable () async throws -> [UInt8]

    private struct State {
        var set = KeySetState()
        var waiters: [AsyncStream<Never>.Continuation] = []
    }

    private static let away = "the key set of the tokens' issuer cannot be had"

    private let fetch: Fetch
    private let note: @Sendable (_ fault: String?) -> Void
    private let state = Mutex(State())
    private let demands: AsyncStream<Void>
    private let demand: AsyncStream<Void>.Continuation

    /// - Parameter note: Told of each fetch: what went wrong, or `nil`.
    public init(fetch: @escaping Fetch, note: @escaping @Sendable (_ fault: String?) -> Void) {
        self.fetch = fetch
        self.note = note
        (demands, demand) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// How many keys there are in a document that tokens can be verified by.
    ///
    /// - Throws: What is wrong with a document that is no key set.
    public static func keyCount(in document: [UInt8]) async throws -> Int {
        try await SigningKeys(document: document).count
    }

    /// Fetches when it is time or somebody asks, until it is cancelled.
    public func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.keepFresh() }
            for await _ in demands {
                // Whoever asked while a fetch was under way has its answer by now.
                if state.withLock({ !$0.waiters.isEmpty }) { await renew() }
            }
            group.cancelAll()
        }
        release()
    }

    /// Fetches now, for whoever knows that a key was revoked, and waits for the end of it; what fails leaves the old set.
    public func refresh() async { await ask() }

    private func keepFresh() async {
        while !Task.isCancelled {
            let next = state.withLock { $0.set.nextFetch }
            if next <= .now { await ask() } else { try? await Task.sleep(until: next) }
        }
    }

    /// Waits until the issuer has been asked, by whomever.
    private func ask() async {
        let (turn, waiter) = AsyncStream<Never>.makeStream()
        state.withLock { $0.waiters.append(waiter) }
        demand.yield()
        for await _ in turn {}
    }

    private func release() {
        let waiters = state.withLock { state in
            defer { state.waiters = [] }
            return state.waiters
        }
        for waiter in waiters { waiter.finish() }
    }

    /// The key of an id; `nil` if the issuer has none.
    ///
    /// - Parameter refuted: One of that id by which a signature was not verified.
    /// - Throws: ``CredentialFault/undecided(_:)``.
    func key(_ keyID: String, refuted: SigningKey? = nil) async throws(CredentialFault) -> SigningKey? {
        switch state.withLock({ $0.set.look(keyID, refuted: refuted, now: .now) }) {
        case .key(let key): return key
        case .unknown: return nil
        case .undecided: throw .undecided(Self.away)
        case .ask: await ask()
        }
        switch state.withLock({ $0.set.answer(keyID, refuted: refuted, now: .now) }) {
        case .key(let key): return key
        case .unknown: return nil
        case .undecided, .ask: throw .undecided(Self.away)
        }
    }

    private func renew() async {
        var fault: String?
        state.withLock { $0.set.isFetching = true }
        do {
            let keys = try await SigningKeys(document: try await fetch())
            state.withLock { $0.set.succeeded(keys, now: .now) }
            if keys.count == 0 { fault = "it holds no key for RS256, so that every token is refused" }
        } catch {
            if Task.isCancelled { return release() }
            fault = "\(error)"
            state.withLock { $0.set.failed(now: .now) }
        }
        release()
        note(fault)
    }
}
