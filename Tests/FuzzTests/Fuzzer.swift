import CustodeTesting
import Foundation
import Glibc

/// Tries one target with its fixed cases and then, until its time is over, with inputs made from others.
///
/// What a run does follows from its seed alone, which it prints: what one run finds, another finds again.
struct Fuzzer: Sendable {
    /// What the target is called, in messages and on the disk.
    let target: String
    /// Inputs to begin with, good and nasty ones.
    let corpus: [[UInt8]]
    /// What the target's language is made of.
    let tokens: [[UInt8]]
    /// Whole lines of the language; where there are any, every other input is an entry of the corpus with a few of them.
    var lines: [[UInt8]] = []
    /// The longest input that is made, in bytes.
    var longest = 2_048
    /// How long one input may take.
    var patience = Duration.seconds(10)
    /// How long all of them may take.
    var time = FuzzSettings.time
    /// What everything follows from.
    var seed = FuzzSettings.seed

    /// A fuzzer of texts.
    init(_ target: String, texts: [String], tokens: [String]) {
        self.init(target, corpus: texts.map { Array($0.utf8) }, tokens: tokens.map { Array($0.utf8) })
    }

    /// A fuzzer of bytes.
    init(_ target: String, corpus: [[UInt8]], tokens: [[UInt8]]) {
        self.target = target
        self.corpus = corpus
        self.tokens = tokens
    }

    /// Tries the target.
    ///
    /// - Parameter check: Throws if the target does something else with an input than it should.
    /// - Returns: How many inputs it was tried with.
    /// - Throws: ``FuzzFailure`` for the first input that does not pass.
    @discardableResult
    func run(_ check: (Trial) async throws -> Void) async throws -> Int {
        let journal = try FuzzJournal(target)
        print("fuzz \(target): CUSTODE_FUZZ_SEED=\(seed)")
        // A crash would take it along.
        fflush(nil)
        var count = 0
        for fixed in Regressions.cases[target, default: []] + corpus {
            // What a check draws for itself differs from one time to the next.
            for draw in UInt64(0)..<4 {
                try await attempt(Trial(bytes: fixed, random: SeededGenerator(seed: draw)), count, journal, check)
                count += 1
            }
        }
        let mutator = Mutator(corpus: corpus, tokens: tokens, lines: lines, longest: longest)
        let end = ContinuousClock.now + time
        while ContinuousClock.now < end {
            var random = SeededGenerator(seed: seed &+ UInt64(count) &* 0x1_0001)
            let bytes = mutator.input(&random)
            try await attempt(Trial(bytes: bytes, random: random), count, journal, check)
            count += 1
        }
        journal.remove()
        print("fuzz \(target): \(count) inputs")
        return count
    }

    private func attempt(
        _ trial: Trial, _ number: Int, _ journal: FuzzJournal, _ check: (Trial) async throws -> Void
    ) async throws {
        try journal.note(trial.bytes)
        let start = ContinuousClock.now
        do {
            try await check(trial)
            let taken = ContinuousClock.now - start
            if taken > patience { throw Broken("it took \(taken)") }
        } catch {
            throw FuzzFailure(target: target, seed: seed, number: number, bytes: trial.bytes, reason: "\(error)")
        }
    }
}

/// One input, and chance for whatever else its check needs.
struct Trial: Sendable {
    let bytes: [UInt8]
    var random: SeededGenerator

    /// The input as a text, in which what is no UTF-8 was replaced.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A rule that does not hold.
struct Broken: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Throws unless a rule holds.
func hold(_ holds: Bool, _ rule: @autoclosure () -> String) throws {
    if !holds { throw Broken("not so: \(rule())") }
}

/// Texts byte for byte, where `==` takes spellings for one that Unicode does.
func same(_ left: some StringProtocol, _ right: some StringProtocol) -> Bool { left.utf8.elementsEqual(right.utf8) }

/// An input that did not pass.
struct FuzzFailure: Error, CustomStringConvertible {
    let target: String
    let seed: UInt64
    let number: Int
    let bytes: [UInt8]
    let reason: String

    var description: String {
        """
        fuzz \(target): \(reason)
        input \(number), \(bytes.count) bytes, also in \(FuzzJournal.path(of: target)):
        \(FuzzJournal.escaped(bytes))
        To find it again: CUSTODE_FUZZ_SEED=\(seed) scripts/fuzz --filter, and the name of the test.
        """
    }
}

/// What the environment says of all targets.
enum FuzzSettings {
    /// `CUSTODE_FUZZ_SECONDS`, for each target.
    static let time: Duration = {
        let text = ProcessInfo.processInfo.environment["CUSTODE_FUZZ_SECONDS"]
        return .seconds(text.flatMap { Double($0) } ?? (Checkout.isFastRun ? 0.5 : 2))
    }()

    /// `CUSTODE_FUZZ_SEED`, or one that no run had before.
    static let seed: UInt64 =
        ProcessInfo.processInfo.environment["CUSTODE_FUZZ_SEED"].flatMap { UInt64($0) }
        ?? UInt64.random(in: 0...0xFFFF_FFFF)
}
