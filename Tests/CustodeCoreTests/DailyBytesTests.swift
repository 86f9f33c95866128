import Synchronization
import Testing

@testable import CustodeCore

@Suite("How many bytes a user may upload in a day")
struct DailyBytesTests {
    /// A database that adds.
    private final class Ledger: UsageCatalog {
        let totals = Mutex<[UserID: Int64]>([:])
        let calls = Mutex<[[UserID: Int64]]>([])
        let isAway = Mutex(false)
        let now = Mutex(ContinuousClock.now)

        func noteReceived(_ bytes: [UserID: Int64]) async throws(CatalogError) -> [UserID: Int64] {
            if isAway.withLock({ $0 }) { throw .unavailable("away") }
            calls.withLock { $0.append(bytes) }
            return totals.withLock { totals in
                for (user, count) in bytes { totals[user, default: 0] += count }
                return totals.filter { bytes.keys.contains($0.key) }
            }
        }
    }

    private let ledger = Ledger()

    private func bytes(limit: Int64 = 100) throws -> DailyBytes {
        var uploads = try Sample.policy().uploads
        uploads.maximumBytesPerUserPerDay = limit
        return DailyBytes(catalog: ledger, uploads) { [ledger] in ledger.now.withLock { $0 } }
    }

    private func user(_ text: String = "a") throws -> UserID { try #require(UserID(text)) }

    private func isRefused(_ work: () async throws -> some Sendable) async -> Bool {
        do {
            _ = try await work()
            return false
        } catch Refusal.tooMany {
            return true
        } catch {
            return false
        }
    }

    @Test("uploads under way count from their beginning, by what they announce")
    func underWay() async throws {
        let bytes = try bytes()
        let first = try await bytes.begin(try user(), length: 60)
        #expect(await isRefused { try await bytes.begin(try user(), length: 41) })
        let second = try await bytes.begin(try user(), length: 40)
        let other = try await bytes.begin(try user("b"), length: 100)
        #expect(await isRefused { try await bytes.begin(try user(), length: 1) })
        withExtendedLifetime((first, second, other)) {}
    }

    @Test("an upload of which nothing came took nothing")
    func nothing() async throws {
        let bytes = try bytes()
        for _ in 0..<3 { #expect(await !isRefused { try await bytes.begin(try user(), length: 100) }) }
    }

    @Test("what announces nothing counts as it comes, and is stopped where it is too much")
    func unannounced() async throws {
        let bytes = try bytes()
        let allowance = try await bytes.begin(try user(), length: nil)
        try allowance.take(60)
        try allowance.take(40)
        #expect(throws: Refusal.self) { try allowance.take(1) }
        #expect(await isRefused { try await bytes.begin(try user(), length: 1) })
    }

    @Test("what came is told to the database once, and counts before and after")
    func told() async throws {
        let bytes = try bytes()
        do {
            let allowance = try await bytes.begin(try user(), length: 80)
            try allowance.take(70)
        }
        #expect(await isRefused { try await bytes.begin(try user(), length: 31) })
        try await bytes.flush()
        try await bytes.flush()
        #expect(ledger.totals.withLock { $0[try! user()] } == 70)
        #expect(ledger.calls.withLock { $0.count } == 2, "asked once, told once")
        #expect(await isRefused { try await bytes.begin(try user(), length: 31) })
        #expect(await !isRefused { try await bytes.begin(try user(), length: 30) })
    }

    @Test("what other replicas told counts, half a minute later at the latest")
    func others() async throws {
        let bytes = try bytes()
        _ = try await bytes.begin(try user(), length: 1)
        _ = try await ledger.noteReceived([try user(): 100])
        #expect(await !isRefused { try await bytes.begin(try user(), length: 1) })
        ledger.now.withLock { $0 += .seconds(30) }
        #expect(await isRefused { try await bytes.begin(try user(), length: 1) })
    }

    @Test("what cannot be told is told later, and nothing of it is lost")
    func later() async throws {
        let bytes = try bytes()
        do { try await bytes.begin(try user(), length: nil).take(50) }
        ledger.isAway.withLock { $0 = true }
        await #expect(throws: CatalogError.self) { try await bytes.flush() }
        #expect(await isRefused { try await bytes.begin(try user(), length: 51) })
        ledger.isAway.withLock { $0 = false }
        try await bytes.flush()
        #expect(ledger.totals.withLock { $0[try! user()] } == 50)
    }

    @Test("whoever has not come for a minute is forgotten, and asked for anew")
    func forgotten() async throws {
        let bytes = try bytes()
        for index in 0..<100 { _ = try await bytes.begin(try user("\(index)"), length: 1) }
        ledger.now.withLock { $0 += .seconds(61) }
        try await bytes.flush()
        let asked = ledger.calls.withLock { $0.count }
        _ = try await bytes.begin(try user("1"), length: 1)
        #expect(ledger.calls.withLock { $0.count } == asked + 1)
    }

    @Test("lengths beyond all numbers are refused, not added")
    func overflow() async throws {
        let bytes = try bytes(limit: .max)
        let first = try await bytes.begin(try user(), length: .max / 2 - 10)
        #expect(await isRefused { try await bytes.begin(try user(), length: 11) })
        #expect(await isRefused { try await bytes.begin(try user(), length: .max) })
        withExtendedLifetime(first) {}
    }

    @Test("whoever has an upload open is not forgotten, however long nothing of it comes")
    func silent() async throws {
        let bytes = try bytes()
        _ = try await ledger.noteReceived([try user(): 90])
        let silent = try await bytes.begin(try user(), length: nil)
        for _ in 0..<3 {
            ledger.now.withLock { $0 += .seconds(61) }
            try await bytes.flush()
        }
        try silent.take(10)
        #expect(throws: Refusal.self) { try silent.take(1) }
    }

    @Test("a user may have so many open at once, where they are counted")
    func open() async throws {
        let bytes = try bytes()
        var held: [DailyBytes.Allowance] = []
        for _ in 0..<100 { held.append(try await bytes.begin(try user(), length: 0, isCounted: true)) }
        #expect(await isRefused { try await bytes.begin(try user(), length: 0, isCounted: true) })
        #expect(await !isRefused { try await bytes.begin(try user(), length: 0) })
        #expect(await !isRefused { try await bytes.begin(try user("b"), length: 0, isCounted: true) })
        held.removeLast()
        #expect(await !isRefused { try await bytes.begin(try user(), length: 0, isCounted: true) })
        #expect(held.count == 99)
    }

    @Test("what the database does not know of is told to whoever asks it")
    func unknown() async throws {
        let bytes = try bytes()
        _ = try await ledger.noteReceived([try user(): 50])
        do { try await bytes.begin(try user(), length: nil).take(10) }
        let other = try await bytes.begin(try user(), length: 20)
        #expect(bytes.unknown(of: try user()) == 30)
        #expect(bytes.unknown(of: try user("b")) == 0)
        withExtendedLifetime(other) {}
    }
}
