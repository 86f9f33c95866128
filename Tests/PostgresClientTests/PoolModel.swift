import CustodeTesting
import Testing

@testable import PostgresClient

/// Drives a `PoolState` at random and keeps the books on who has what.
struct PoolModel {
    private var state = PoolState<Int, Int>(maximumConnections: 3, maximumWaiters: 20)
    private var time: UInt64 = 0
    private var nextWaiter = 1
    private var nextConnection = 1
    private var waiting: [Int] = []
    private var leased: [Int] = []
    private var idle: Set<Int> = []
    private var opening = 0
    private var open: Int { leased.count + idle.count }

    mutating func step(_ random: inout SeededGenerator) {
        time += 1
        switch random.next() % 7 {
        case 0, 1: lease()
        case 2: if opening > 0 { opened() }
        case 3: if opening > 0 { failed() }
        case 4: if let index = leased.indices.randomElement(using: &random) { release(index) }
        case 5: if let index = leased.indices.randomElement(using: &random) { lose(index) }
        default: leave(random.next() % 2 == 0)
        }
        #expect(open + opening <= 3)
        #expect(idle.isEmpty || waiting.isEmpty)
        #expect(waiting.count <= 20)
        #expect(state.currentStatistics().waiting == waiting.count)
        #expect(state.currentStatistics().idle == idle.count)
        #expect(state.currentStatistics().open == open)
        #expect(state.currentStatistics().opening == opening)
        #expect(waiting.isEmpty || open + opening > 0)
    }

    /// Serves all that wait; nobody may be left behind.
    mutating func drain() {
        while !waiting.isEmpty {
            if opening > 0 { opened() } else { release(0) }
        }
    }

    private mutating func lease() {
        switch state.lease() {
        case .closed: Issue.record("never closed")
        case .idle(let connection): use(connection)
        case .none:
            let waiter = nextWaiter
            nextWaiter += 1
            switch state.enqueue(waiter, id: UInt64(waiter), until: Deadline(nanoseconds: time + 50)) {
            case .use: Issue.record("nothing was idle")
            case .refused: #expect(waiting.count == 20)
            case .waits(let opens, _):
                waiting.append(waiter)
                if opens { opening += 1 }
            }
        }
    }

    private mutating func use(_ connection: Int) {
        #expect(idle.remove(connection) != nil)
        leased.append(connection)
    }

    private mutating func place(_ connection: Int, _ release: PoolState<Int, Int>.Release) {
        switch release {
        case .close: Issue.record("never closed")
        case .keep:
            #expect(waiting.isEmpty)
            idle.insert(connection)
        case .handOver(connection, let waiter):
            #expect(waiting.first == waiter)
            waiting.removeAll { $0 == waiter }
            leased.append(connection)
        case .handOver: Issue.record("another connection")
        }
    }

    private mutating func opened() {
        opening -= 1
        let connection = nextConnection
        nextConnection += 1
        place(connection, state.opened(connection))
    }

    private mutating func failed() {
        opening -= 1
        settle(state.failed(PostgresError(code: .connectionFailed, message: "")))
    }

    private mutating func release(_ index: Int) {
        let connection = leased.remove(at: index)
        place(connection, state.released(connection))
    }

    private mutating func lose(_ index: Int) {
        leased.remove(at: index)
        settle(state.ended())
    }

    private mutating func settle(_ failure: PoolState<Int, Int>.Failure) {
        if let refused = failure.refused {
            #expect(waiting.first == refused)
            waiting.removeAll { $0 == refused }
        }
        if failure.opensConnection { opening += 1 }
    }

    private mutating func leave(_ expires: Bool) {
        if expires {
            let expired = state.expire(Deadline(nanoseconds: time)).expired
            #expect(Array(waiting.prefix(expired.count)) == expired)
            waiting.removeFirst(expired.count)
        } else if let last = waiting.last {
            #expect(state.cancel(UInt64(last)) == last)
            waiting.removeLast()
        }
    }
}
