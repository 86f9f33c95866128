import CustodeCore
import CustodeTesting
import Synchronization

/// Uploads, deletions, sweeps, workers, restorations, purges and time, all at once, one step at a time, with crashes.
struct Interleaving {
    let seed: UInt64
    let turnstile = Turnstile()
    let model: Model
    let bench: CollectionBench

    /// What must hold after every step, and does not: one sentence each.
    private let faults = Locked<[String]>([])

    init(seed: UInt64) throws {
        self.seed = seed
        model = Model(turnstile: turnstile)
        var bench = try CollectionBench(model)
        bench.policy.grace = .seconds(3_600)
        bench.policy.runsApart = .seconds(1_200)
        bench.policy.outboxDelay = .seconds(60)
        bench.policy.trashTTL = .seconds(7_200)
        bench.policy.intentLease = .seconds(300)
        self.bench = bench
        for number in 0..<6 { try bench.store("j\(number)", user: "u\(number % 2)", age: .seconds(7_200)) }
        try bench.store("kept", user: "keeper", age: .seconds(7_200))
        try bench.orphan("gone", user: "u0")
        model.with { state in
            for key in Self.foreign {
                state.bucket[key] = ModelState.Blob(content: 999, modified: Timestamp(seconds: 0))
            }
            state.lastSweep = ("the mark", 7)
        }
    }

    static let foreign = ["old.wav", "users/u0/jobs/j1/input/original", "users/u0/jobs/j1/input/original.WAV", "zzz/b"]

    /// Runs it all; returns what did not hold.
    func callAsFunction() async -> [String] {
        var generator = SeededGenerator(seed: seed)
        var tasks: [(name: String, work: @Sendable () async -> Void)] = []
        for number in 0..<3 {
            let seed = generator.next()
            tasks.append(("upload \(number)", { await upload(seed) }))
            tasks.append(("gc \(number)", { for round in 0..<4 { _ = await bench.sweep(seed &+ UInt64(round)) } }))
        }
        for number in 0..<2 {
            let seed = generator.next()
            tasks.append(("worker \(number)", { await work(seed) }))
            tasks.append(("restore \(number)", { await restore(seed) }))
        }
        let (saas, time) = (generator.next(), generator.next())
        tasks.append(("saas", { await remove(saas) }))
        tasks.append(("time", { await pass(time) }))
        await turnstile.run(
            tasks,
            choose: { names in
                let name = names[Int(generator.next() % UInt64(names.count))]
                return (name, generator.next() % 150 == 0 && name != "time")
            }, after: check)
        return faults.with { $0 }
    }

    private func check(_ name: String) {
        let found = model.with { state -> [String] in
            var found: [String] = []
            for (reference, key) in state.references where state.bucket[key]?.content != state.acknowledged[key] {
                found.append("I1: \(reference) refers to \(key), which is not in its place")
            }
            let contents = Set(state.bucket.values.map(\.content))
            for (key, content) in state.acknowledged
            where !contents.contains(content) && !state.purged.contains(content) {
                found.append("I4: \(key) is in no place at all")
            }
            for key in state.bucket.keys where key.hasPrefix(TrashPlace.root) {
                guard let place = TrashPlace(parsing: key) else { continue }
                if !state.audit.contains(where: { $0.action == "quarantine" && $0.key == place.key.text }) {
                    found.append("I5: \(key) went without an audit row")
                }
            }
            for key in Self.foreign where state.bucket[key]?.content != 999 { found.append("I10: \(key) was touched") }
            return found
        }
        guard !found.isEmpty else { return }
        faults.with { faults in
            if faults.isEmpty { faults = found.map { "seed \(seed), after a step of \(name): \($0)" } }
        }
    }

    private func upload(_ seed: UInt64) async {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<8 {
            let number = Int(generator.next() % 6)
            let (job, user) = ("j\(number)", "u\(number % 2)")
            let object = generator.next() % 2 == 0 ? "input" : "transcript"
            let replaces = generator.next() % 2 == 0
            let triggers = generator.next() % 4 != 0
            do {
                try await upload(job, user, object, replaces: replaces, triggers: triggers, &generator)
            } catch {
                return
            }
        }
    }

    private func upload(
        _ job: String, _ user: String, _ object: String, replaces: Bool, triggers: Bool,
        _ generator: inout SeededGenerator
    ) async throws {
        let plain = try CollectionBench.key(job, object, user: user)
        let suffixes = try (0..<3).map { _ in
            try CollectionBench.key(
                job, object, user: user, suffix: SeededRandom(seed: generator.next()).keySuffix())
        }
        let exists = try await model.step("find") { state in
            state.jobs[job] != nil
                && (replaces || state.references[ModelState.Reference(job: job, object: object)] == nil)
        }
        guard exists else { return }
        let lease = bench.policy.intentLease
        let id = try await model.step("begin") { $0.beginUpload(plain: plain, suffixed: suffixes[0], lease: lease) }
        var stored: (key: ObjectKey, content: Int)?
        for suffix in suffixes where stored == nil {
            stored = try await model.step("link") { state in
                guard let key = state.intents[id]?.key ?? Optional(suffix), state.bucket[key.text] == nil else {
                    return nil
                }
                state.lastContent += 1
                state.bucket[key.text] = ModelState.Blob(content: state.lastContent, modified: state.now)
                return (key, state.lastContent)
            }
            if stored == nil {
                let moved = try await model.step("move intent") { state in
                    guard let intent = state.intents[id], intent.isOpen else { return false }
                    state.intents[id] = ModelState.Intent(key: suffix, leaseUntil: intent.leaseUntil)
                    return true
                }
                if !moved { return }
            }
        }
        guard let stored else { return }
        let isPublished = try await model.step("publish") { state in
            guard state.intents[id]?.key == stored.key else { return false }
            return state.publish(id, owner: user, content: stored.content, replacing: replaces, triggers: triggers)
        }
        if !isPublished { try await model.step("abandon") { $0.abandon(id, stored.key) } }
    }

    private func remove(_ seed: UInt64) async {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<10 {
            let (job, triggers, whole) = (
                "j\(generator.next() % 6)", generator.next() % 3 != 0, generator.next() % 2 == 0
            )
            let returns = generator.next() % 4 == 0
            let step: Void? = try? await model.step("delete") { state in
                if returns {
                    // As a restored database has it: rows are back that were gone, of bytes that are still in place.
                    state.referAgain(job)
                } else if whole {
                    state.deleteJob(job, triggers: triggers)
                } else if let reference = state.references.keys.filter({ $0.job == job })
                    .min(by: { $0.object < $1.object })
                {
                    state.unrefer(reference, triggers: triggers)
                }
            }
            if step == nil { return }
        }
    }

    private func work(_ seed: UInt64) async {
        for round in 0..<12 {
            let drain = DrainOutbox(bench.parts(seed &+ UInt64(round)))
            _ = try? await drain.visit()
        }
    }

    private func restore(_ seed: UInt64) async {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<3 {
            let seed = generator.next()
            let wishes = try? await model.step("choose") { state -> [RestoreObjects.Wish] in
                var generator = SeededGenerator(seed: seed)
                let places = state.bucket.keys.sorted().compactMap(TrashPlace.init(parsing:))
                guard !places.isEmpty else { return [] }
                let place = places[Int(generator.next() % UInt64(places.count))]
                return [generator.next() % 2 == 0 ? .run(place.run) : .key(place.key)]
            }
            guard let wishes else { return }
            if let wish = wishes.first { _ = try? await RestoreObjects(bench.parts(seed))(wish) }
        }
    }

    private func pass(_ seed: UInt64) async {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<60 {
            let seconds = [1, 20, 70, 400, 1_500, 4_000][Int(generator.next() % 6)]
            let step: Void? = try? await model.step("time") { $0.now = $0.now + .seconds(seconds) }
            if step == nil { return }
        }
    }
}
