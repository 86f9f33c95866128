import ArgumentParser
import CustodeCore
import Foundation
import PostgresCatalog
import PostgresClient

/// `custode gc`.
struct GCCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc", abstract: "Compares bucket and database once, and quarantines what nothing refers to.",
        discussion: """
            What goes was an orphan in two complete runs, collection.runs_apart of each other, is older than the grace, and \
            can be brought back by custode restore until collection.trash_ttl is over. The first complete run on a bucket \
            removes nothing. A brake that holds stops a run before it removes anything: exit status 3.

            --json prints run_id, verdict (done, dry, blocked, failed), brake, plan_hash, listed, live, intent, young, \
            foreign, stray, orphan, missing, quarantined, bytes_quarantined, purged, seconds; and due, bytes_due, failed, \
            outbox_pending, parked, detail.
            """)

    @OptionGroup var options: SettingOptions
    @Flag(help: "Find out, and change neither the bucket nor the SaaS's tables.") var dryRun = false
    @Flag(help: "Only deal with what the outbox tells of.") var outboxOnly = false
    @Option(
        help: "The plan_hash of a blocked run: lifts the brakes live, percent, objects, bytes and users, no others.")
    var override: String?
    @Option(help: "The age below which nothing is touched, such as 48h (default: the policy's collection.grace).")
    var grace: String?
    @Option(help: "What counts as now: 2026-11-25T03:00:00Z, or a distance such as +21h.") var now: String?
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        let settings = try options.settings()
        let parts = Parts(settings)
        var wishes = SweepBucket.Options()
        wishes.isDry = dryRun
        wishes.outboxOnly = outboxOnly
        wishes.override = override
        wishes.asOf = try now.map { try Self.moment($0, parts.clock.now()) }
        wishes.grace = try grace.map { text in
            guard let grace = Quantity.duration(text) else {
                throw ValidationError("--grace: \(text) is not a time such as 48h")
            }
            return grace
        }
        _ = try settings.requireDatabase()
        _ = try settings.requireBucket()
        let progress = ProgressLine(isSilent: json)
        let report = await Self.collect(parts, wishes, progress)
        progress.finish()
        tell(report)
        switch report.verdict {
        case .done, .dry: return
        case .blocked: throw ExitCode(3)
        case .failed: throw ExitCode(1)
        }
    }

    private static func collect(
        _ parts: Parts, _ wishes: SweepBucket.Options, _ progress: ProgressLine
    ) async -> CollectionReport {
        var report = CollectionReport(runID: RunID.make(wishes.asOf ?? parts.clock.now(), parts.random))
        do {
            let pool = try parts.collectionPool()
            report = try await parts.withBucket { store, threads in
                let catalog = try await parts.collection(pool)
                let sweep = SweepBucket(
                    parts.collectionParts(catalog, store) { progress.show($0) }, hashing: OpenSSLHashing(),
                    leaderLease: parts.settings.policy.collection.leaderLease
                ) { () throws(BlobStoreError) in try parts.spool(threads) }
                return try await Interruptible.run { await sweep(wishes) }
            }
            await pool.close()
        } catch let error as SchemaMissing {
            (report.verdict, report.brake, report.detail) = (.blocked, .schema, error.description)
        } catch let error as SaaSTables.Fault {
            (report.verdict, report.brake, report.detail) = (.blocked, .schema, error.description)
        } catch let error as PostgresError {
            report.detail = "the database did not answer: \(error.message)"
        } catch is CancellationError {
            report.detail = "interrupted; nothing is half done, run it again"
        } catch {
            report.detail = "\(error)"
        }
        return report
    }

    static func moment(_ text: String, _ now: Timestamp) throws -> Timestamp {
        if text.hasPrefix("+") || text.hasPrefix("-"), let distance = Quantity.duration(String(text.dropFirst())) {
            return text.hasPrefix("+") ? now + distance : now + (.zero - distance)
        }
        let formats: [Date.ISO8601FormatStyle] = [.init(), .init(includingFractionalSeconds: true)]
        for format in formats {
            if let date = try? format.parse(text) {
                return Timestamp(microseconds: Int64((date.timeIntervalSince1970 * 1_000_000).rounded()))
            }
        }
        throw ValidationError("--now: \(text) is neither like 2026-11-25T03:00:00Z nor like +21h")
    }

    private func tell(_ report: CollectionReport) {
        if report.verdict == .blocked || report.verdict == .failed {
            let brake = report.brake.map { "brake \($0.rawValue): " } ?? ""
            Interruptible.complain("custode: \(brake)\(report.detail ?? "the run failed")")
        }
        print(json ? Self.json(report) : Self.text(report))
    }

    private static func json(_ report: CollectionReport) -> String {
        var line = JSONLine()
        line.add("run_id", report.runID)
        line.add("verdict", report.verdict.rawValue)
        line.add("brake", report.brake?.rawValue)
        line.add("plan_hash", report.planHash)
        for (name, count) in counts(report) { line.add(name, count) }
        line.add("seconds", report.seconds)
        line.add("detail", report.detail)
        return line.text
    }

    private static func text(_ report: CollectionReport) -> String {
        var lines = ["run \(report.runID): \(report.verdict.rawValue)"]
        if let brake = report.brake { lines.append("brake: \(brake.rawValue)") }
        if let detail = report.detail, report.verdict == .dry { lines.append(detail) }
        lines += counts(report).filter { $0.1 > 0 }.map { "\($0.0): \($0.1)" }
        if let hash = report.planHash, report.due > 0 { lines.append("plan: \(hash)") }
        lines.append(String(format: "seconds: %.1f", report.seconds))
        return lines.joined(separator: "\n")
    }

    private static func counts(_ report: CollectionReport) -> [(String, Int64)] {
        [
            ("listed", report.listed), ("live", report.live), ("intent", report.intent), ("young", report.young),
            ("foreign", report.foreign), ("stray", report.stray), ("orphan", report.orphan),
            ("missing", report.missing), ("due", report.due), ("bytes_due", report.bytesDue),
            ("quarantined", report.quarantined), ("bytes_quarantined", report.bytesQuarantined),
            ("purged", report.purged), ("failed", report.failed), ("outbox_pending", report.outboxPending),
            ("parked", report.parked),
        ]
    }
}
