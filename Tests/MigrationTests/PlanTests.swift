import CustodeTesting
import Foundation
import Testing

@Suite("custode migrate plan and status")
struct PlanTests {
    @Test("a plan tells what would be done, and does none of it")
    func dry() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        try legacy.add("sub/b.wav", Sample.wav())
        try legacy.add("nobody.wav", Sample.wav())
        let first = try await world.legacyJob("a.wav")
        let second = try await world.legacyJob(legacy.path + "/sub/b.wav", for: world.bob)
        let before = try await world.database.sql("select id, input_ref from jobs order by id")
        let plan = try await world.migrate("plan", from: legacy.source)
        #expect(plan.outcome.status == 0, "\(plan.outcome)")
        #expect(plan[count: "found"] == 3 && plan[count: "matched"] == 2 && plan[count: "copied"] == 0)
        #expect(plan[count: "bytes"] == 2 * Sample.wav().count)
        #expect(plan["a.wav"] == "copy" && plan["sub/b.wav"] == "copy" && plan["nobody.wav"] == "unknown_job")
        #expect(Set(plan.lines.compactMap(\.job)) == [first.id, second.id])
        #expect(try await world.database.sql("select id, input_ref from jobs order by id") == before)
        #expect(TestFolder.files(below: world.bucket).keys.filter { !$0.hasPrefix(".") } == [])
        for table in ["migrations", "ref_rewrites", "upload_intents", "objects"] {
            #expect(try await world.database.value("select count(*) from custode.\(table)") == "0", "\(table)")
        }
    }

    @Test("--json prints these members and no others, the report goes where it is said or told")
    func members() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        let outcome = try await world.service.run("migrate", "plan", "--from", legacy.source, "--json")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        let names = ["run_id", "found", "matched", "copied", "skipped", "conflicts", "failed", "bytes"]
        #expect(Set(json.keys) == Set(names))
        let plain = try await world.service.run("migrate", "plan", "--from", legacy.source)
        #expect(plain.errors.contains("report: ") && plain.output.contains("found 0"), "\(plain)")
    }

    @Test("two lines for one object are a conflict, told of both, and neither is copied")
    func twoFiles() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        try legacy.add("b.wav", Sample.wav())
        try legacy.add("c.wav", Sample.wav())
        let (job, other) = (try await world.newJob(), try await world.newJob())
        try legacy.add(
            "m.csv",
            Array("a.wav,\(job.id),input\nb.wav,\(job.id.uppercased()),input\nc.wav,\(other.id),input\n".utf8))
        let plan = try await world.migrate("plan", from: "manifest:\(legacy.path)/m.csv")
        #expect(plan.outcome.status == 0, "\(plan.outcome)")
        #expect(plan[count: "conflicts"] == 2 && plan["a.wav"] == "two_files" && plan["b.wav"] == "two_files")
        let apply = try await world.migrate("apply", from: "manifest:\(legacy.path)/m.csv")
        #expect(apply.outcome.status == 0, "conflicts alone are no failure: \(apply.outcome)")
        #expect(apply[count: "copied"] == 1 && apply["c.wav"] == "copied")
        #expect(try await world.reference("input", of: job) == nil)
    }

    @Test("a manifest that is not sound is refused with every line that is wrong, and nothing is done")
    func unsound() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        try legacy.add("a.wav", Sample.wav())
        let job = try await world.newJob()
        let text =
            "source,job_id,object\na.wav,\(job.id),input\n,\(job.id),input\na.wav,,input\na.wav,\(job.id),In Put\n"
        try legacy.add("m.csv", Array(text.utf8))
        for verb in ["plan", "apply"] {
            let outcome = try await world.collect(["migrate", verb, "--from", "manifest:\(legacy.path)/m.csv"])
            #expect(outcome.status == 1)
            for line in 3...5 { #expect(outcome.errors.contains("line \(line):"), "\(outcome)") }
            #expect(!outcome.errors.contains("line 2:"))
        }
        #expect(try await world.reference("input", of: job) == nil)
    }

    @Test(
        "what is no source is answered in words",
        arguments: [
            "dir:/nowhere/at/all", "dir:/etc/hostname", "manifest:/nowhere.csv", "manifest:/etc/hostname",
            "folder:/tmp",
            "", "dir:",
        ])
    func noSource(text: String) async throws {
        let world = try await Self.shared.value()
        let outcome = try await world.service.run("migrate", "plan", "--from", text)
        #expect(outcome.status == 1, "\(outcome)")
        #expect(outcome.errors.contains("dir:") || outcome.errors.contains("manifest:"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("Error Domain"), "\(outcome.errors)")
    }

    private static let shared = Once { try await World.start() }

    @Test("wrong usage exits 2")
    func usage() async throws {
        let world = try await Self.shared.value()
        for words in [
            [], ["plan"], ["apply"], ["--undo", "x", "--remove-sources", "y"],
            ["apply", "--from", "dir:/tmp", "--workers", "0"], ["apply", "--from", "dir:/tmp", "--rate", "fast"],
        ] {
            let outcome = try await world.service.run(["migrate"] + words)
            #expect(outcome.status == 2, "\(words): \(outcome)")
        }
    }

    @Test("without a schema it says how to get one")
    func noSchema() async throws {
        let (world, legacy) = (try await World.prepare(), try LegacyFolder())
        let outcome = try await world.service.run("migrate", "plan", "--from", legacy.source)
        #expect(outcome.status == 1 && outcome.errors.contains("custode schema install"), "\(outcome)")
    }

    @Test("status tells of the last apply, and what of it stands")
    func status() async throws {
        let (world, legacy) = (try await World.start(), try LegacyFolder())
        let none = try await world.service.run("migrate", "status")
        #expect(none.status == 1 && none.errors.contains("nothing was migrated"), "\(none)")
        try legacy.add("a.wav", Sample.wav())
        _ = try await world.legacyJob("a.wav")
        let apply = try await world.migrate("apply", from: legacy.source)
        for words in [["migrate", "status"], ["migrate", "status", "--from", legacy.source]] {
            let status = try await world.collect(words)
            #expect(status.status == 0 && status.runID == apply.outcome.runID, "\(status)")
            #expect(status["copied"] == 1 && status["bytes"] == Sample.wav().count)
        }
        let text = try await world.service.run("migrate", "status")
        #expect(text.output.contains("1 references stand") && text.output.contains("ended "), "\(text)")
        let other = try await world.service.run("migrate", "status", "--from", "prefix:old/")
        #expect(other.status == 1)
    }
}
