import CustodeTesting
import Foundation
import Testing

@Suite("I18: memory does not grow with the bucket")
struct MemoryTests {
    /// Adds jobs with an input and a transcript each: rows by the database, files by the tool of scripts/bench.
    private static func grow(_ world: World, by jobs: Int) async throws {
        let folder = try TestFolder()
        let user = TestDatabase.quote(world.alice)
        let made = try await world.database.sql(
            """
            insert into jobs (user_id, type, created_at)
            select \(user), 'transcription', 'epoch' from generate_series(1, \(jobs)) returning user_id, id
            """)
        let lines = made.map { "\($0[0] ?? "")\t\($0[1] ?? "")\n" }.joined()
        try lines.write(toFile: folder.path + "/jobs", atomically: true, encoding: .utf8)
        let tool = URL(filePath: Checkout.binary).deletingLastPathComponent().path() + "custode-bench"
        let plant = try ChildProcess.start(
            tool, ["plant", "--root", world.bucket], environment: Command.environment, input: folder.path + "/jobs")
        #expect(try await plant.end(within: .seconds(120)) == 0)
        try await world.database.sql(
            """
            insert into artifacts (job_id, kind, storage_ref) select id, 'transcript',
                'users/' || user_id || '/jobs/' || id || '/output/transcript.txt' from jobs where created_at = 'epoch';
            update jobs set created_at = now(),
                input_ref = 'users/' || user_id || '/jobs/' || id || '/input/original.wav' where created_at = 'epoch'
            """)
        folder.remove()
    }

    /// Runs `custode gc` and returns what it said, and the most memory it held, in KiB.
    private static func sweep(_ world: World) async throws -> (outcome: JSON, peak: Int) {
        let folder = try TestFolder()
        let gc = try ChildProcess.start(
            Checkout.binary, ["gc", "--json"], environment: Command.environment.merging(world.service.settings) { $1 },
            output: folder.path + "/out", errors: folder.path + "/err")
        var peak = 0
        while gc.status == nil {
            let facts = (try? String(contentsOfFile: "/proc/\(gc.pid)/status", encoding: .utf8)) ?? ""
            peak = max(peak, facts.firstMatch(of: /VmHWM:\s+(\d+) kB/).flatMap { Int($0.1) } ?? 0)
            try await ContinuousClock().sleep(for: .milliseconds(20))
        }
        #expect(gc.status == 0, "\(folder.text("err") ?? "")")
        return (try JSON(Array((folder.text("out") ?? "").utf8)), peak)
    }

    @Test("a sweep of five times as many objects takes no more memory, and less than 128 MiB", .tags(.slow))
    func flat() async throws {
        let world = try await World.prepare(settings: World.collecting)
        #expect(try await world.service.run("schema", "install").status == 0)
        try await Self.grow(world, by: 3_000)
        let small = try await Self.sweep(world)
        #expect(small.outcome["live"] == 6_000, "\(small.outcome)")
        try await Self.grow(world, by: 12_000)
        let large = try await Self.sweep(world)
        #expect(large.outcome["live"] == 30_000, "\(large.outcome)")
        #expect(large.peak < 128 << 10 && large.peak < small.peak + (16 << 10), "\(small.peak) and \(large.peak) KiB")
    }
}
