import ArgumentParser
import CustodeCore
import Foundation
import PostgresClient

/// `custode restore`.
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Brings objects back from quarantine, byte for byte.",
        discussion: """
            Bytes come back to their places, not references to them. What is back starts anew: its age and the runs that \
            saw it as an orphan count from now. Nothing is ever overwritten.

            --json prints restored, skipped, failed, bytes, detail. Exits 1 if nothing was found, or something failed.
            """)

    @OptionGroup var options: SettingOptions
    @Option(name: .customLong("run"), help: "All that this run quarantined: the run_id that custode gc told.")
    var runID: String?
    @Option(help: "One object by its key; of several writings of it the one quarantined last.") var key: String?
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
        guard (runID == nil) != (key == nil) else { throw ValidationError("give either --run or --key") }
    }

    func run() async throws {
        let parts = Parts(try options.settings())
        let wish = try self.wish()
        let progress = ProgressLine(isSilent: json)
        let pool = try parts.collectionPool()
        let report = try await parts.withBucket { store, _ in
            let catalog = try await parts.collection(pool)
            let restore = RestoreObjects(parts.collectionParts(catalog, store) { progress.show($0) })
            return try await Interruptible.run { try await restore(wish) }
        }
        await pool.close()
        progress.finish()
        if json {
            var line = JSONLine()
            line.add("restored", report.restored)
            line.add("skipped", report.skipped)
            line.add("failed", report.failed)
            line.add("bytes", report.bytes)
            line.add("detail", report.detail)
            print(line.text)
        } else {
            print("restored \(report.restored), skipped \(report.skipped), failed \(report.failed)")
        }
        if let detail = report.detail { Interruptible.complain("custode: \(detail)") }
        if report.restored == 0, report.failed == 0 {
            throw CommandFailure(description: "there is nothing of \(runID ?? key ?? "that") in quarantine")
        }
        if report.failed > 0 { throw ExitCode(1) }
    }

    private func wish() throws -> RestoreObjects.Wish {
        if let run = runID {
            guard RunID.isWellFormed(run) else { throw ValidationError("--run: \(run) is not the name of a run") }
            return .run(run)
        }
        guard let key, let parsed = QuarantinedKey(any: key) else {
            throw ValidationError("--key: \(key ?? "") is no key, such as users/u/jobs/j/input/original.wav")
        }
        return .key(parsed)
    }
}
