import CustodeTesting
import Testing

@testable import PostgresClient

@Suite("Pool state") struct PoolStateTests {
    private typealias State = PoolState<String, Int>

    private let soon = Deadline(nanoseconds: 100)
    private let failure = PostgresError(code: .connectionFailed, message: "refused")

    private func state(connections: Int = 2, waiters: Int = 100) -> State {
        State(maximumConnections: connections, maximumWaiters: waiters)
    }

    @Test("a caller that finds nothing idle waits, and a connection is opened for it")
    func opensOnDemand() {
        var state = state()
        #expect(state.lease().connection == nil)
        #expect(state.wait(1) == .opens)
        #expect(state.opened("a").handedOver == 1)
        #expect(state.currentStatistics().open == 1)
        #expect(state.currentStatistics().idle == 0)
    }

    @Test("no more connections are opened than allowed, nor than there are waiters")
    func bound() {
        var state = state(connections: 2)
        #expect(state.wait(1) == .opens)
        #expect(state.wait(2) == .opens)
        #expect(state.wait(3) == .waits)
        #expect(state.opened("a").handedOver == 1)
        #expect(state.wait(4) == .waits)
        #expect(state.opened("b").handedOver == 2)
        #expect(state.released("a").handedOver == 3)
        #expect(state.released("b").handedOver == 4)
        #expect(state.released("a").handedOver == nil)
        #expect(state.lease().connection == "a")
    }

    @Test("waiters are served in the order they came, those who left are passed over")
    func order() {
        var state = state(connections: 1)
        for waiter in 1...4 { _ = state.wait(waiter) }
        #expect(state.cancel(2) == 2)
        #expect(state.cancel(2) == nil)
        #expect(state.opened("a").handedOver == 1)
        #expect(state.cancel(1) == nil)
        #expect(state.released("a").handedOver == 3)
        #expect(state.released("a").handedOver == 4)
        #expect(state.currentStatistics().waiting == 0)
    }

    @Test("the connection released last is lent first")
    func lastInFirstOut() {
        var state = state(connections: 2)
        _ = state.wait(1)
        _ = state.wait(2)
        _ = state.opened("a")
        _ = state.opened("b")
        _ = state.released("b")
        _ = state.released("a")
        #expect(state.lease().connection == "a")
        #expect(state.lease().connection == "b")
        #expect(state.lease().connection == nil)
    }

    @Test("a failure to open one fails the first waiter alone, and the next gets its own attempt")
    func failedAlone() {
        var state = state(connections: 1)
        for waiter in 1...3 { _ = state.wait(waiter) }
        let first = state.failed(failure)
        #expect(first.refused == 1)
        #expect(first.opensConnection)
        #expect(state.opened("a").handedOver == 2)
    }

    @Test("a failure to open one more fails nobody while others are open, and is not tried again at once")
    func failedBesideOthers() {
        var state = state(connections: 2)
        _ = state.wait(1)
        _ = state.opened("a")
        #expect(state.wait(2) == .opens)
        let outcome = state.failed(failure)
        #expect(outcome.refused == nil)
        #expect(!outcome.opensConnection)
        #expect(state.wait(3) == .opens)
        #expect(state.released("a").handedOver == 2)
    }

    @Test("a broken connection gives its slot to whoever waits")
    func ended() {
        var state = state(connections: 1)
        _ = state.wait(1)
        _ = state.opened("a")
        #expect(state.wait(2) == .waits)
        let outcome = state.ended()
        #expect(outcome.opensConnection)
        #expect(state.opened("b").handedOver == 2)
        #expect(!state.ended().opensConnection)
        #expect(state.currentStatistics().open == 0)
    }

    @Test("one waiter too many is refused at once")
    func tooMany() {
        var state = state(connections: 1, waiters: 2)
        _ = state.wait(1)
        _ = state.wait(2)
        #expect(state.wait(3) == .refused(.poolExhausted))
        _ = state.cancel(1)
        #expect(state.wait(4) == .waits)
        #expect(state.currentStatistics().totalRefusals == 1)
    }

    @Test("waiters expire at their deadline, and the keeper of time is told when to look again")
    func expiry() {
        var state = state(connections: 1)
        #expect(state.expire(Deadline(nanoseconds: 0)).next == .never)
        #expect(state.wait(1, until: 100) == .opensAndWakes)
        #expect(state.wait(2, until: 200) == .waits)
        #expect(state.expire(Deadline(nanoseconds: 99)).expired.isEmpty)
        let expiry = state.expire(Deadline(nanoseconds: 100))
        #expect(expiry.expired == [1])
        #expect(expiry.error.code == .poolExhausted)
        #expect(expiry.next == Deadline(nanoseconds: 200))
        #expect(state.expire(Deadline(nanoseconds: 300)).expired == [2])
        #expect(state.currentStatistics().totalRefusals == 2)
        #expect(state.opened("a").handedOver == nil)
    }

    @Test("a waiter that expires hears of the last failure to connect")
    func expiryReason() {
        var state = state(connections: 2)
        _ = state.wait(1)
        _ = state.opened("a")
        _ = state.wait(2)
        _ = state.failed(failure)
        #expect(state.expire(soon).error.message.contains("refused"))
    }

    @Test("a closed pool refuses everybody and closes what comes back")
    func close() {
        var state = state(connections: 3)
        for waiter in 1...3 { _ = state.wait(waiter) }
        _ = state.opened("a")
        _ = state.opened("b")
        _ = state.released("a")
        _ = state.wait(4)
        let closing = state.close()
        #expect(closing.idle == [])
        #expect(closing.refused == [4])
        #expect(state.wait(5) == .refused(.closed))
        #expect(state.released("b").closed == "b")
        #expect(state.opened("c").closed == "c")
        #expect(!state.ended().opensConnection)
        #expect(state.expire(soon).isOver)
    }

    @Test("whatever happens in whatever order, bounds hold and nobody is served twice", arguments: 0..<200)
    func randomWalk(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var model = PoolModel()
        for _ in 0..<300 { model.step(&random) }
        model.drain()
    }
}

extension PoolState where Waiter == Int {
    enum Outcome: Equatable { case opens, opensAndWakes, waits, used, refused(PostgresError.Code) }

    mutating func wait(_ waiter: Int, until deadline: UInt64 = 100) -> Outcome {
        switch enqueue(waiter, id: UInt64(waiter), until: Deadline(nanoseconds: deadline)) {
        case .use: .used
        case .refused(_, let error): .refused(error.code)
        case .waits(let opens, let wakes): opens ? (wakes ? .opensAndWakes : .opens) : .waits
        }
    }
}

extension PoolState.Lease {
    var connection: Connection? {
        if case .idle(let connection) = self { connection } else { nil }
    }
}

extension PoolState.Release {
    var closed: Connection? {
        if case .close(let connection) = self { connection } else { nil }
    }

    var handedOver: Waiter? {
        if case .handOver(_, let waiter) = self { waiter } else { nil }
    }
}
