import ArgumentParser
import CustodeCore
import Foundation

/// What a migration's command tells at its end.
struct MigrationEnding: Sendable {
    let run: String
    let counts: MigrationCounts
    /// Where the report is.
    var report: String?
    /// What was done, in words.
    let verb: String
    /// Whether what failed makes the command fail.
    var failureCounts = true
    var removal: RemoveSources.Report?

    init(run: String, counts: MigrationCounts, report: String? = nil, verb: String, failureCounts: Bool = true) {
        self.run = run
        self.counts = counts
        self.report = report
        self.verb = verb
        self.failureCounts = failureCounts
    }

    /// Of a command that only set files aside.
    init(removal: RemoveSources.Report) {
        var counts = MigrationCounts()
        counts.found = removal.removed + removal.kept + removal.failed
        counts.matched = counts.found
        counts.skipped = removal.kept
        counts.failed = removal.failed
        counts.bytes = removal.bytes
        self.init(run: removal.run, counts: counts, verb: Self.sentence(removal))
    }

    /// Runs a command, tells how it ended, and exits as that says.
    static func exiting(
        _ json: Bool, _ body: (ProgressLine) async throws -> MigrationEnding
    ) async throws {
        let progress = ProgressLine(isSilent: json)
        let ending: MigrationEnding
        do {
            ending = try await body(progress)
        } catch let underWay as MigrationUnderWay {
            progress.finish()
            Interruptible.complain("custode: \(underWay)")
            throw ExitCode(3)
        } catch let held as BrakeHeld {
            progress.finish()
            Interruptible.complain("custode: brake \(held.brake.rawValue): \(held.sentence)")
            throw ExitCode(3)
        } catch is CancellationError {
            progress.finish()
            throw CommandFailure(description: "interrupted; nothing is half done, run it again to go on")
        } catch {
            progress.finish()
            throw error
        }
        progress.finish()
        ending.tell(json)
        if ending.failureCounts, ending.counts.failed + (ending.removal?.failed ?? 0) > 0 { throw ExitCode(1) }
    }

    /// The file of a report.
    static func reportFile(_ path: String?, _ parts: Parts, _ verb: String) throws -> MigrationReportFile {
        if let path { return try MigrationReportFile(path: path) }
        parts.makeStateDirectory()
        let run = RunID.make(parts.clock.now(), parts.random)
        return try MigrationReportFile(path: "\(parts.settings.stateDirectory)/migrate-\(verb)-\(run).jsonl")
    }

    /// Tells of a file that stays as it is.
    static func complain(_ record: MigrationRecord, _ progress: ProgressLine) {
        progress.finish()
        Interruptible.complain("custode: \(record.source): \(record.detail ?? record.decision.rawValue)")
    }

    private func tell(_ json: Bool) {
        if json {
            var line = JSONLine()
            line.add("run_id", run)
            for (name, count) in members { line.add(name, count) }
            print(line.text)
        } else {
            print("run \(run): \(verb)")
            print(members.dropLast().map { "\($0.0) \($0.1)" }.joined(separator: ", "))
            if let removal { print("run \(removal.run): \(Self.sentence(removal))") }
        }
        if let report { Interruptible.complain("report: \(report)") }
    }

    private var members: [(String, Int64)] {
        [
            ("found", counts.found), ("matched", counts.matched), ("copied", counts.copied),
            ("skipped", counts.skipped), ("conflicts", counts.conflicts), ("failed", counts.failed),
            ("bytes", counts.bytes),
        ]
    }

    private static func sentence(_ removal: RemoveSources.Report) -> String {
        "set aside \(removal.removed) files, \(removal.bytes) bytes; \(removal.kept) are needed, \(removal.failed) failed"
    }
}
