import ArgumentParser
import Foundation

/// `custode check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Probes settings, database, bucket, keys and clock, and says how to mend them.",
        discussion: """
            Exits 1 if anything is wrong; what works and is likely not meant so is a warning, and exits 0. --json prints ok \
            and checks: name, ok, warning, detail.
            """)

    @OptionGroup var options: SettingOptions
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        let settings = try options.settings()
        let parts = Parts(settings)
        if !json {
            for (name, value) in settings.effective { print("     \(name.rawValue) = \(value)") }
        }
        var findings = await SettingChecks(parts: parts).run()
        findings += await DatabaseChecks(parts: parts).run()
        findings += await BucketChecks(parts: parts).run()
        // Without a database or a bucket nothing can be said of the two together.
        let canTell = !findings.contains { ["database", "schema", "bucket"].contains($0.name) && $0.level == .wrong }
        if canTell { findings += await BucketChecks(parts: parts).belonging() }
        findings += await SettingChecks(parts: parts).keys()
        report(findings)
        if findings.contains(where: { $0.level == .wrong }) { throw ExitCode(1) }
    }

    private func report(_ findings: [Finding]) {
        guard json else {
            for finding in findings { print("\(finding.level.rawValue) \(finding.name): \(finding.detail)") }
            return
        }
        let checks = findings.map { finding in
            [
                "name": finding.name, "ok": finding.level != .wrong, "warning": finding.level == .doubtful,
                "detail": finding.detail,
            ] as [String: any Sendable]
        }
        let whole: [String: any Sendable] = ["ok": findings.allSatisfy { $0.level != .wrong }, "checks": checks]
        if let data = try? JSONSerialization.data(
            withJSONObject: whole, options: [.sortedKeys, .withoutEscapingSlashes])
        {
            print(String(decoding: data, as: UTF8.self))
        }
    }
}
