import CustodeTesting
import Testing

@testable import CustodeCore

@Suite("a claim on objects while the store is at them", .timeLimit(.minutes(1)))
struct ClaimTests {
    private let bench = ClaimBench()

    @Test("work slower than the claim keeps it: a renewal at every third of its length carries it on")
    func slowWork() async {
        let bench = bench
        let held = await bench.claim.keeping(renewedBy: bench.renew) {
            var held: [Bool] = []
            for _ in 0..<9 {
                await bench.tick()
                held.append(bench.claim.holds)
            }
            return held
        }
        #expect(held == [Bool](repeating: true, count: 9))
        #expect(bench.renewals == 9 && bench.pauses.asked.allSatisfy { $0 == .seconds(20) })
        bench.clock.advance(.seconds(59))
        #expect(bench.claim.holds)
        bench.clock.advance(.seconds(1))
        #expect(!bench.claim.holds, "a renewal holds for one length, from when it was asked for")
    }

    @Test("the renewals end with the work")
    func quickWork() async {
        #expect(await bench.claim.keeping(renewedBy: bench.renew) { 7 } == 7)
        #expect(bench.renewals == 0)
    }

    @Test("a lost claim holds no more, ends the work, and is not asked for again")
    func lost() async {
        let bench = bench
        bench.answer(with: .superseded)
        let (sawEnd, holds) = await bench.claim.keeping(renewedBy: bench.renew) {
            await bench.tick()
            return (await isCancelled(), bench.claim.holds)
        }
        #expect(sawEnd && !holds && bench.renewals == 1)
    }

    @Test("a database that is away for a while costs nothing: it is asked again soon, until the claim lapses")
    func away() async {
        let bench = bench
        bench.answer(with: .unavailable("away"))
        let (before, after, sawEnd) = await bench.claim.keeping(renewedBy: bench.renew) {
            await bench.tick()
            await bench.tick()
            bench.answer(with: nil)
            await bench.tick()
            await bench.tick(after: .seconds(59))
            let before = bench.claim.holds
            bench.answer(with: .unavailable("away"))
            while bench.claim.holds { await bench.tick() }
            return (before, bench.claim.holds, await isCancelled())
        }
        #expect(before && !after && sawEnd)
        #expect(bench.pauses.asked.prefix(4) == [.seconds(20), .seconds(3), .seconds(3), .seconds(20)])
    }

    @Test("I9: whoever slept past the claim does not renew it, though the catalog would let it")
    func overslept() async {
        let bench = bench
        let sawEnd = await bench.claim.keeping(renewedBy: bench.renew) {
            await bench.tick(after: .seconds(60))
            return await isCancelled()
        }
        #expect(sawEnd && bench.renewals == 0 && !bench.claim.holds)
    }

    @Test("a renewal whose answer came after a long sleep counts from when it was asked for")
    func lateAnswer() async {
        let bench = bench
        bench.answer(with: nil, after: .seconds(61))
        let sawEnd = await bench.claim.keeping(renewedBy: bench.renew) {
            await bench.tick()
            await bench.tick(after: .zero)
            return await isCancelled()
        }
        #expect(sawEnd && bench.renewals == 1 && !bench.claim.holds)
    }

    @Test("an object that takes the store three claims goes into quarantine, told of once, and its event is done with")
    func slowMove() async throws {
        let (bench, pauses) = (try CollectionBench(), ManualPauses())
        let key = try bench.store("gone")
        let model = bench.model
        model.with { state in
            state.deleteJob("gone", triggers: true)
            state.now = state.now + .seconds(3_600)
            state.moving = {
                for _ in 0..<9 {
                    model.with { $0.now = $0.now + .seconds(20) }
                    await pauses.end()
                }
            }
        }
        let report = try #require(try await DrainOutbox(bench.parts(pause: pauses.pause)).visit())
        #expect(report.quarantined == 1 && report.failed == 0, "\(report)")
        #expect(!bench.isInPlace(key) && bench.trash.count == 1)
        #expect(
            model.with { $0.events.isEmpty && $0.audit.count == 1 && $0.items.values.map(\.state) == [.quarantined] })
    }

    @Test("an object whose claim another took while it was moved stays: the move ends, and nothing is said of its key")
    func takenOver() async throws {
        let (bench, pauses) = (try CollectionBench(), ManualPauses())
        let key = try bench.store("gone")
        let model = bench.model
        let others = TrashPlace(of: try CollectionBench.key("gone"), run: "another", on: model.now())
        model.with { state in
            state.deleteJob("gone", triggers: true)
            state.now = state.now + .seconds(3_600)
            state.moving = {
                model.with { state in
                    for id in state.items.keys {
                        state.items[id]?.claimedBy = "another"
                        state.items[id]?.place = others
                    }
                }
                await pauses.end()
                _ = await isCancelled()
            }
        }
        let report = try #require(try await DrainOutbox(bench.parts(pause: pauses.pause)).visit())
        #expect(report.quarantined == 0 && report.failed == 0, "\(report)")
        #expect(bench.isInPlace(key) && bench.trash.isEmpty)
        #expect(model.with { $0.items.values.map(\.place) == [others] })
        #expect(model.with { $0.events.count == 1 && $0.events.values.allSatisfy { $0.attempts == 0 } })
    }
}

/// Whether the task is cancelled, now or in a while.
private func isCancelled() async -> Bool {
    for _ in 0..<10_000 where !Task.isCancelled { await Task.yield() }
    return Task.isCancelled
}

/// A claim of a minute whose clock and whose pauses a test commands.
private struct ClaimBench {
    let clock = ManualClock()
    let pauses = ManualPauses()
    let claim: Claim
    private let answers = Locked<(count: Int, error: CatalogError?, takes: Duration)>((0, nil, .zero))

    init() {
        claim = Claim(since: clock.now(), for: .seconds(60), clock: clock, pause: pauses.pause)
    }

    /// How often a renewal was asked for.
    var renewals: Int { answers.with(\.count) }

    /// What the catalog says to renewals from now on.
    func answer(with error: CatalogError?, after time: Duration = .zero) {
        answers.with { ($0.error, $0.takes) = (error, time) }
    }

    func renew() async throws(CatalogError) {
        let (error, time) = answers.with { answers in
            answers.count += 1
            return (answers.error, answers.takes)
        }
        clock.advance(time)
        if let error { throw error }
    }

    /// Lets the pause under way end, so much later or when its time is over, and waits for what follows from it.
    func tick(after time: Duration? = nil) async {
        await pauses.begun()
        clock.advance(time ?? pauses.asked.last ?? .zero)
        await pauses.end()
    }
}
