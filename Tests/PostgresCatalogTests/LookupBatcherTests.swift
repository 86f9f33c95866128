import CustodeCore
import Testing

@testable import PostgresCatalog

@Suite("look-ups that share a query")
struct LookupBatcherTests {
    private let bench = LookupBench()

    @Test("a question that finds nobody before it is asked at once and alone")
    func alone() {
        bench.ask("a")
        #expect(bench.sent == [["a"]])
        bench.endQuery()
        #expect(bench.answer(to: "a") == .success(LookupBench.found("a")))
        bench.ask("b")
        #expect(bench.sent == [["a"], ["b"]])
        bench.endAll()
    }

    @Test("questions that wait at the same time travel in one query, and each gets its own answer")
    func batch() {
        bench.fillLanes()
        let before = bench.sent.count
        let jobs = (0..<10).map { "job\($0)" } + ["nobody"]
        bench.ask(jobs)
        #expect(bench.sent.count == before, "they wait")
        bench.endQuery()
        #expect(bench.sent.count == before + 1)
        #expect(Set(bench.sent.last ?? []).isSuperset(of: jobs))
        while bench.running > 0 { bench.endQuery() }
        for job in jobs { #expect(bench.answer(to: job) == .success(LookupBench.found(job)), "\(job)") }
        bench.endAll()
    }

    @Test("no answer comes from a query that was begun before the question was asked")
    func freshness() {
        bench.ask("first")
        let lanes = bench.sent.count
        bench.fillLanes()
        bench.ask("late")
        let queriesBefore = bench.sent
        #expect(!queriesBefore.joined().contains("late") && lanes == 1)
        while bench.sent.count == queriesBefore.count { bench.endQuery(epoch: 1) }
        #expect(bench.answer(to: "late") == nil, "the old queries' answers are not its answer")
        while bench.answer(to: "late") == nil, bench.running > 0 { bench.endQuery(epoch: 2) }
        guard case .success(let found?) = bench.answer(to: "late") else {
            Issue.record("no answer")
            return
        }
        #expect(found.linkEpoch == 2)
        bench.endAll()
    }

    @Test("however many wait, each question is asked once, and no query grows beyond its limit")
    func manyBatches() {
        bench.fillLanes()
        let jobs = (0..<300).map { "job\($0)" }
        bench.ask(jobs)
        while bench.running > 0 { bench.endQuery() }
        for job in jobs { #expect(bench.answer(to: job) == .success(LookupBench.found(job))) }
        let asked = bench.sent.flatMap { $0 }
        #expect(Set(asked).count == asked.count)
        #expect(bench.sent.allSatisfy { $0.count <= 128 })
        #expect(bench.sent.count < 20)
        bench.endAll()
    }

    @Test(
        "an error reaches everybody in the query, and nobody else",
        arguments: [CatalogError.unavailable("away"), .failed("x")])
    func errors(error: CatalogError) {
        bench.fillLanes()
        bench.ask("a", "b", "c")
        let running = bench.running
        for _ in 0..<running { bench.endQuery() }
        // What waited is under way now.
        bench.ask("d")
        bench.endQuery(error)
        for job in ["a", "b", "c"] { #expect(bench.answer(to: job) == .failure(error)) }
        while bench.running > 0 { bench.endQuery() }
        #expect(bench.answer(to: "d") == .success(LookupBench.found("d")))
        bench.endAll()
    }

    @Test("after an error the next question is asked as if nothing had been")
    func laneAfterError() {
        for error in [CatalogError.unavailable("away"), .failed("x"), .cancelled] {
            bench.ask("a")
            #expect(bench.running == 1)
            bench.endQuery(error)
            #expect(bench.answer(to: "a") == .failure(error))
        }
        bench.ask("b")
        bench.endQuery()
        #expect(bench.answer(to: "b") == .success(LookupBench.found("b")))
        bench.endAll()
    }

    @Test("a leader that gives up does not fail the others: they ask again")
    func cancelledLeader() {
        bench.fillLanes()
        bench.ask("a", "b", "c")
        for _ in 0..<bench.running { bench.endQuery() }
        let together = bench.sent.last ?? []
        #expect(together.count >= 3)
        bench.endQuery(.cancelled)
        let leader = together[0]
        #expect(bench.answer(to: leader) == .failure(.cancelled))
        while bench.running > 0 { bench.endQuery() }
        for job in together.dropFirst() { #expect(bench.answer(to: job) == .success(LookupBench.found(job))) }
        bench.endAll()
    }

    @Test("one who was cancelled while waiting and is made the leader hands the lead on")
    func cancelledWhileWaiting() {
        bench.fillLanes()
        let waiting = (0..<5).map { "job\($0)" }
        bench.ask(waiting)
        let leader = "busy\(bench.sent.count + 1)"
        bench.cancel(leader)
        bench.cancel("job2")
        while bench.running > 0 { bench.endQuery() }
        for job in waiting where job != "job2" {
            #expect(bench.answer(to: job) == .success(LookupBench.found(job)), "\(job)")
        }
        #expect(bench.answer(to: "job2") != nil && bench.answer(to: leader) != nil, "nobody is left waiting")
        bench.ask("after")
        #expect(bench.sent.last == ["after"], "the lane is free again")
        bench.endAll()
    }

    @Test("everybody gives up, and the lane is free again")
    func allCancelled() {
        bench.fillLanes()
        let waiting = (0..<5).map { "job\($0)" }
        bench.ask(waiting)
        for job in waiting { bench.cancel(job) }
        while bench.running > 0 { bench.endQuery() }
        for job in waiting { #expect(bench.answer(to: job) != nil) }
        bench.ask("after")
        #expect(bench.sent.last == ["after"])
        bench.endAll()
    }
}
