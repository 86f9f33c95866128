import CustodeTesting
import Foundation
import Testing

@Suite("I13 migration: old and new survive a crash at each step", .serialized)
struct CrashTests {
    private static let isFast = ProcessInfo.processInfo.environment["CUSTODE_TEST_FAST"] != nil

    /// What lapses at once and is collected at once.
    private static let hasty = World.swift.merging([
        "CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "1s", "CUSTODE_POLICY_COLLECTION_LEADER_LEASE": "2s",
    ]) { $1 }

    /// Files that rounds of crashes and recoveries go over.
    private final class Story {
        let world: World
        let legacy: LegacyFolder
        private var jobs: [(job: TestJob, name: String, bytes: [UInt8])] = []

        init(_ world: World) throws {
            self.world = world
            legacy = try LegacyFolder()
        }

        /// Adds files, small and not so small, that jobs refer to.
        func add(_ count: Int) async throws {
            for _ in 0..<count {
                let number = jobs.count
                let (name, bytes) = (
                    "\(number).wav", sound(number % 3 == 0 ? 400_000 : 5_000, seed: UInt32(number + 1))
                )
                try legacy.add(name, bytes)
                jobs.append((try await world.legacyJob(name), name, bytes))
            }
        }

        /// Every job refers to its file, which is there, or to a copy, which is there and whole; tells how many to a copy.
        @discardableResult
        func check(_ what: String) async throws -> Int {
            var copies = 0
            for (job, name, bytes) in jobs {
                let reference = try #require(try await world.reference("input", of: job), "\(what): \(name)")
                #expect(legacy.bytes(name) == bytes, "\(what): \(name)")
                guard reference != name else { continue }
                copies += 1
                let stored = try #require(try await world.bytes(of: reference), "\(what): \(name)")
                #expect(Sample.firstDifference(stored, bytes) == nil, "\(what): \(name)")
                let known = try await world.database.value(
                    "select sha256 from custode.objects where key = \(TestDatabase.quote(reference))")
                #expect(known == SHA256.hex(bytes), "\(what): \(name)")
            }
            return copies
        }

        func migrate() async throws -> Migration { try await world.migrate("apply", from: legacy.source) }

        /// Runs until nothing is left to do, and looks that nothing else is left behind.
        func end() async throws {
            let last = try await migrate()
            #expect(last.outcome.status == 0, "\(last.outcome)")
            #expect(try await check("at the end") == jobs.count)
            let again = try await migrate()
            #expect(again[count: "copied"] == 0 && again[count: "skipped"] == jobs.count, "\(again.outcome)")
            // What crashes left under way is collected, and no copy is.
            let isTidy = try await eventually(within: .seconds(60)) { [world, jobs] in
                try await world.sweep("--outbox-only")
                return try await world.keys("users/").count == jobs.count
            }
            let left = try await world.keys("users/").count
            #expect(isTidy, "\(left) keys for \(jobs.count) jobs")
            try await check("after collection")
        }
    }

    @Test(
        "kill −9 at any message to the database, sync, link or new folder", .tags(.slow),
        arguments: ["sendto", "syncfs", "linkat", "mkdirat", "openat2"])
    func killed(call: String) async throws {
        let world = try await World.start(settings: Self.hasty)
        try await world.service.terminate()
        let story = try Story(world)
        let rounds = Self.isFast ? 3 : 14
        var kills = 0
        for round in 0..<rounds {
            try await story.add(3)
            // Counted by each thread for itself.
            let nth = call == "sendto" ? 4 + round : 1 + round / 5
            let run = try world.launch(
                ["migrate", "apply", "--from", story.legacy.source, "--workers", "3"],
                tracing: ["-e", "trace=\(call)", "-e", "inject=\(call):signal=KILL:when=\(nth)"])
            let outcome = try await run.end()
            if outcome.status == 128 + 9 { kills += 1 }
            try await story.check("\(call) \(nth)")
        }
        #expect(kills > rounds / 3, "\(kills) of \(rounds) were killed at \(call)")
        try await story.end()
    }

    /// How many uploads are under way, and how many references have switched.
    private static func steps(_ world: World) async throws -> Int {
        let count = try await world.database.value(
            "select (select count(*) from custode.upload_intents) + 2 * (select count(*) from custode.ref_rewrites)")
        return count.flatMap { Int($0) } ?? 0
    }

    @Test("kill −9 at any moment, with buckets behind a network", .tags(.slow), arguments: [BucketKind.s3, .supabase])
    func killedAnywhere(kind: BucketKind) async throws {
        let world = try await kind.world(Self.hasty)
        try await world.service.terminate()
        let story = try Story(world)
        var generator = SeededGenerator(seed: 7)
        for round in 0..<(Self.isFast ? 3 : 12) {
            try await story.add(6)
            let run = try world.launch(["migrate", "apply", "--from", story.legacy.source, "--workers", "2"])
            // From its beginning to somewhere in the copying: once so many uploads have begun or references switched.
            let wanted = try await Self.steps(world) + Int.random(in: 0...7, using: &generator)
            let hasCome = try await eventually { try await Self.steps(world) >= wanted || run.status != nil }
            #expect(hasCome)
            run.signal(9)
            _ = try await run.end()
            try await story.check("round \(round)")
        }
        try await story.end()
    }

    @Test("kill −9 while files are set aside leaves each in one place, and the same command goes on", .tags(.slow))
    func removal() async throws {
        for (round, call) in ["sendto", "renameat2", "syncfs"].enumerated() {
            for nth in Self.isFast
                ? [14, 1, 1][round]...([14, 1, 1][round] + 1) : [12, 1, 1][round]...([24, 3, 2][round])
            {
                let world = try await World.start(settings: Self.hasty)
                try await world.service.terminate()
                let names = ["a", "b", "c"].map { "old/\($0).wav" }
                for name in names { try await world.add(name, Sample.wav()) }
                for name in names { _ = try await world.legacyJob(name) }
                let apply = try await world.migrate("apply", from: "prefix:old/")
                #expect(apply[count: "copied"] == 3, "\(apply.outcome)")
                let run = try world.launch(
                    ["migrate", "--remove-sources", apply.outcome.runID],
                    tracing: ["-e", "trace=\(call)", "-e", "inject=\(call):signal=KILL:when=\(nth)"])
                _ = try await run.end()
                for name in names {
                    #expect([.place, .trash].contains(world.whereabouts(name)), "\(call) \(nth) \(name)")
                }
                let isOver = try await eventually(within: .seconds(90)) {
                    // What the killed run had claimed is free again once its claim has lapsed.
                    try await world.sweep("--outbox-only")
                    _ = try await world.collect(["migrate", "--remove-sources", apply.outcome.runID])
                    return names.allSatisfy { world.whereabouts($0) == .trash }
                }
                #expect(isOver, "\(call) \(nth)")
                try await world.close()
            }
        }
    }
}
