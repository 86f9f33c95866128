import CustodeTesting
import Foundation
import Testing

@Suite("A realistic set of files from before")
struct LegacySetTests {
    /// How many files; all kinds of them are among the first two hundred.
    private static let size = ProcessInfo.processInfo.environment["CUSTODE_TEST_FAST"] == nil ? 20_000 : 1_000

    @Test("every file comes to what the set expects, and running it again does nothing", .tags(.slow))
    func expected() async throws {
        let world = try await World.start()
        let folder = try TestFolder()
        let set = folder.path + "/set"
        try await Command.succeed(
            Checkout.root + "/scripts/legacy-set", [set, "--files", String(Self.size)], within: .seconds(120))
        try await world.database.run(file: set + "/rows.sql")
        let counts = try JSON(Array(FileManager.default.contents(atPath: set + "/counts.json") ?? Data()))
        let wanted = try World.lines(set + "/expected.jsonl")

        let plan = try await world.migrate("plan", from: "dir:\(set)/files")
        #expect(plan.outcome.status == 0, "\(plan.outcome)")
        #expect(plan[count: "found"] == counts["found"].int && plan[count: "matched"] == counts["matched"].int)
        #expect(plan[count: "conflicts"] == counts["conflicts"].int && plan[count: "copied"] == 0)

        let apply = try await world.migrate("apply", from: "dir:\(set)/files")
        #expect(apply.outcome.status == 1, "some files cannot be copied")
        for name in ["found", "matched", "copied", "skipped", "conflicts", "failed", "bytes"] {
            #expect(apply[count: name] == counts[name].int, "\(name): \(apply.outcome)")
        }
        expectSame(apply.lines, wanted)

        let again = try await world.migrate("apply", from: "dir:\(set)/files")
        #expect(again[count: "copied"] == 0 && again[count: "skipped"] == counts["copied"].int, "\(again.outcome)")
        expectSame(
            again.lines,
            wanted.map { line in
                guard line.decision == "copied" else { return line }
                return ReportLine(source: line.source, decision: "already_there", job: line.job, object: line.object)
            })
        try await expectBytes(world, apply.lines, set + "/files")
    }

    private func expectSame(_ found: [ReportLine], _ wanted: [ReportLine]) {
        let plain = { (line: ReportLine) in
            // Of files that nothing refers to, or could, the row is not told.
            "\(Array(line.source.utf8)) \(line.decision) \(line.job ?? "-") \(line.object ?? "-")"
        }
        let (found, wanted) = (Set(found.map(plain)), Set(wanted.map(plain)))
        #expect(found.subtracting(wanted).sorted().prefix(5) == [])
        #expect(wanted.subtracting(found).sorted().prefix(5) == [])
    }

    /// Every copy is byte for byte the file that its job referred to.
    private func expectBytes(_ world: World, _ lines: [ReportLine], _ root: String) async throws {
        let references = try await world.references().reduce(into: [:]) { $0[$1.key] = $1.sha256 ?? "" }
        for line in lines where line.decision == "copied" {
            let key = try #require(line.key)
            let original = try #require(FileManager.default.contents(atPath: root + "/" + line.source))
            let stored = try #require(world.stored(key))
            #expect(references[key] == SHA256.hex(Array(original)), "\(line.source)")
            #expect(stored.elementsEqual(original), "\(line.source)")
        }
    }
}
