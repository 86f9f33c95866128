import CustodeTesting
import Foundation
import Testing

@Suite("The command line of collection: JSON, words for people, and wrong usage", .serialized)
struct CollectionCommandTests {
    private static let world = Once {
        let world = try await World.start(settings: World.collecting)
        _ = try await world.jobWith("input")
        return world
    }

    private static let members: [String: [String]] = [
        "gc": [
            "brake", "bytes_due", "bytes_quarantined", "detail", "due", "failed", "foreign", "intent", "listed", "live",
            "missing", "orphan", "outbox_pending", "parked", "plan_hash", "purged", "quarantined", "run_id", "seconds",
            "stray", "verdict", "young",
        ],
        "restore": ["bytes", "detail", "failed", "restored", "skipped"],
        "scrub": ["bytes", "checked", "damaged", "missing"],
    ]

    @Test("--json prints one object, whose members are those that --help lists", arguments: ["gc", "restore", "scrub"])
    func members(verb: String) async throws {
        let world = try await Self.world.value()
        let (key, _) = try await world.collected()
        let arguments = [verb, "--json"] + (verb == "restore" ? ["--key", key] : [])
        let outcome = try await world.service.run(arguments)
        #expect(outcome.output.split(separator: "\n").count == 1, "\(outcome.output)")
        let names = try JSON(Array(outcome.output.utf8)).names
        #expect(names == Self.members[verb])
        let help = try await world.service.run([verb, "--help"]).output
        let told = try #require(help.firstRange(of: "--json prints").map { help[$0.upperBound...] })
        let words = Set(told.prefix { $0 != "." }.split { !$0.isLetter && $0 != "_" }.map(String.init))
        for name in names { #expect(words.contains(name), "\(name)") }
    }

    @Test("without --json a run is told in words: its name, its verdict, the brake, and the plan where there is one")
    func words() async throws {
        let world = try await World.start(settings: World.collecting)
        _ = try await world.jobWith("input")
        _ = try await world.makeOrphan()
        let first = try await world.service.run("gc")
        #expect(first.status == 0 && first.output.contains(": dry") && first.output.contains("first_run"), "\(first)")
        #expect(first.output.contains("orphan: 1"), "\(first)")
        let dry = try await world.service.run("gc", "--dry-run", "--now", "+20h")
        let hash = try #require(try await world.sweep("--dry-run", "--now", "+20h").planHash)
        #expect(dry.output.contains(hash), "\(dry)")
        let done = try await world.service.run("gc", "--now", "+20h")
        #expect(done.status == 0 && done.output.contains(": done"), "\(done)")
        #expect(done.output.contains("quarantined: 1"), "\(done)")
        try await world.close()
    }

    @Test(
        "times that are none are wrong usage, exit 2, and nothing is begun",
        arguments: [
            ["--now", "yesterday"], ["--now", "2026-11-25"], ["--now", "+1"], ["--now", "+"], ["--now", ""],
            ["--grace", "2"], ["--grace", "-1h"], ["--grace", ""], ["--dry"], ["now"],
        ])
    func usage(arguments: [String]) async throws {
        let world = try await Self.world.value()
        let runs = "select count(*) from custode.gc_runs"
        let before = try await world.database.value(runs)
        let outcome = try await world.collect(["gc"] + arguments)
        #expect(outcome.status == 2 && !outcome.errors.isEmpty, "\(outcome)")
        #expect(try await world.database.value(runs) == before)
    }

    @Test("gc works while the service is down, and its numbers are in the service's metrics afterwards")
    func serviceDown() async throws {
        let world = try await World.start(
            settings: World.collecting.merging(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms"]) { $1 })
        let (_, key) = try await world.jobWith("input")
        let orphan = try await world.makeOrphan()
        let job = try await world.newJob()
        try world.plant(World.key(user: job.user, job: job.id, "output/srt.srt"))
        try await world.service.terminate()
        try FileManager.default.removeItem(atPath: world.bucket + "/" + key)
        try await world.sweep()
        #expect(try await world.sweep("--now", "+20h")["quarantined"] == 1)
        world.expect(.trash, of: orphan)
        try await world.service.start()
        let wanted = [
            "custode_gc_missing_objects 1\n", "custode_gc_stray_objects 1\n",
            "custode_gc_last_run_timestamp_seconds{verdict=\"done\"} ",
        ]
        let isTold = try await eventually {
            let text = try await world.service.admin.request("GET", "/metrics").text
            return wanted.allSatisfy { text.contains($0) }
        }
        #expect(isTold)
        try await world.close()
    }
}
