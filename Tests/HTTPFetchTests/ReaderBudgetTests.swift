import Testing

@testable import HTTPFetch

@Suite("what may wait for readers")
struct ReaderBudgetTests {
    @Test(
        "all readers together stay within the budget, but for the least that each has",
        arguments: [0, 1 << 20, 8 << 20])
    func bounded(whole: Int) {
        var budget = ReaderBudget(whole)
        let marks = (1...1_000).map { _ in budget.grant() }
        #expect(marks.reduce(0, +) <= whole + 1_000 * ReaderBudget.least)
        #expect(marks.allSatisfy { ReaderBudget.least...ReaderBudget.greatest ~= $0 })
        for mark in marks { budget.take(back: mark) }
        #expect(budget.granted == 0)
    }

    @Test("few readers have much")
    func few() {
        var budget = ReaderBudget(8 << 20)
        #expect((1...16).allSatisfy { _ in budget.grant() == ReaderBudget.greatest })
    }
}
