import ArgumentParser
import CustodeCore
import Foundation
import PostgresCatalog
import PostgresClient

/// `custode migrate`.
struct MigrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Brings files from before to the names that ids give them.",
        discussion: """
            plan says what apply would do. apply copies each file, judged and hashed like an upload, and switches the \
            reference to it in one transaction; the files themselves stay until --remove-sources. Stopped anywhere, the same \
            apply goes on; run again, it does nothing.

            Sources: dir:/path, prefix:old/ (of the bucket), manifest:/file.csv or .jsonl with source, job_id, object and \
            perhaps filename. In dir: and prefix: a file belongs to the row whose input_ref or storage_ref is its absolute \
            path, its path below the source, or its key.

            custode migrate --undo RUN puts back the references that a run switched, where their files are still there; the \
            copies are then collected. custode migrate --remove-sources RUN sets the files of a run aside, in quarantine or, of a \
            directory, in its .trash. RUN is the run_id that apply told.

            --json prints run_id, found, matched, copied, skipped, conflicts, failed, bytes. found counts files; matched counts \
            each once for every row that refers to it: it was copied, was there already (skipped), is in conflict or failed, or \
            in a plan would be copied, and bytes are then those of what would be.
            """,
        subcommands: [
            MigratePlanCommand.self, MigrateApplyCommand.self, MigrateStatusCommand.self, MigrateBackCommand.self,
        ],
        defaultSubcommand: MigrateBackCommand.self)
}

/// `custode migrate --undo RUN` and `--remove-sources RUN`: what is done about a run that was.
struct MigrateBackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Puts back the references of a run, or sets its files aside.",
        shouldDisplay: false)

    @OptionGroup var options: SettingOptions
    @Option(help: "Puts back the references that this run switched: the run_id that apply told.") var undo: String?
    @Option(help: "Sets aside the files that this run copied: the run_id that apply told.") var removeSources: String?
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        guard (undo == nil) != (removeSources == nil) else {
            throw ValidationError("say plan, apply or status; or --undo RUN, or --remove-sources RUN")
        }
        let parts = Parts(try options.settings())
        let (undone, removed) = (undo, removeSources)
        try await MigrationEnding.exiting(json) { progress in
            try await parts.withMigration(progress) { scene in
                if let undone { return try await Self.undo(undone, scene.parts, progress) }
                return try await Self.removeSources(of: removed ?? "", scene.parts, progress)
            }
        }
    }

    private static func undo(
        _ run: String, _ parts: MigrationParts, _ progress: ProgressLine
    ) async throws -> MigrationEnding {
        let counts = try await Interruptible.run {
            try await UndoMigration(parts)(run) { MigrationEnding.complain($0, progress) }
        }
        return MigrationEnding(run: run, counts: counts, verb: "put back \(counts.matched) references")
    }

    private static func removeSources(
        of run: String, _ parts: MigrationParts, _ progress: ProgressLine
    ) async throws -> MigrationEnding {
        guard let source = try await parts.source(of: run) else {
            throw LegacySourceFault("there is no migration \(run); custode migrate status tells the last one")
        }
        let report = try await Interruptible.run {
            try await RemoveSources(parts, root: SourceName(source)?.folder)(run: run, source: nil) {
                MigrationEnding.complain($0, progress)
            }
        }
        return MigrationEnding(removal: report)
    }
}

/// `custode migrate plan`.
struct MigratePlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Says what apply would do, and does none of it.",
        discussion: "What the files are shows when they are copied. Exits 0 with conflicts in its report.")

    @OptionGroup var options: SettingOptions
    @Option(help: ArgumentHelp(SourceName.help)) var from: String
    @Option(help: "Where the report goes, JSON lines (default: migrate-RUN.jsonl in the state directory).")
    var report: String?
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        let parts = Parts(try options.settings())
        try await MigrationEnding.exiting(json) { progress in
            try await parts.withMigration(progress) { scene in
                let source = try parts.source(from, scene)
                let file = try MigrationEnding.reportFile(report, parts, "plan")
                let outcome = try await Interruptible.run {
                    try await MigrateFiles(scene.parts, from: source).plan { try file.add($0) }
                }
                try file.finish(as: report == nil ? outcome.run : nil)
                let counts = outcome.counts
                return MigrationEnding(
                    run: outcome.run, counts: counts, report: file.path,
                    verb: "\(counts.toCopy) to copy, \(counts.bytes) bytes", failureCounts: false)
            }
        }
    }
}

/// `custode migrate apply`.
struct MigrateApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Copies files from before, and switches the references to them.",
        discussion:
            "Exits 1 if any file failed, 3 if another migration is under way or the bucket is another database's.")

    @OptionGroup var options: SettingOptions
    @Option(help: ArgumentHelp(SourceName.help)) var from: String
    @Option(help: "How many files are copied at once.") var workers = 32
    @Option(help: "The most to read in a second, such as 50MB/s.") var rate: String?
    @Option(help: "Where the report goes, JSON lines (default: migrate-RUN.jsonl in the state directory).")
    var report: String?
    @Flag(help: "Then set aside the files whose copies took their places, those of earlier runs too.")
    var removeSources = false
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
        guard (1...256).contains(workers) else { throw ValidationError("--workers goes from 1 to 256") }
    }

    func run() async throws {
        let parts = Parts(try options.settings())
        var wishes = MigrateFiles.Options()
        wishes.workers = workers
        wishes.rate = try rate.map(ScrubCommand.bytesPerSecond)
        let options = wishes
        try await MigrationEnding.exiting(json) { progress in
            try await parts.withMigration(progress) { scene in
                let source = try parts.source(from, scene)
                let file = try MigrationEnding.reportFile(report, parts, "apply")
                let (removes, isOwn) = (removeSources, report == nil)
                let (outcome, removal) = try await Interruptible.run {
                    let outcome = try await MigrateFiles(scene.parts, from: source).apply(options) { try file.add($0) }
                    try file.finish(as: isOwn ? outcome.run : nil)
                    guard removes else { return (outcome, RemoveSources.Report?.none) }
                    let remove = RemoveSources(scene.parts, root: SourceName(source.name)?.folder)
                    return (
                        outcome,
                        try await remove(run: nil, source: source.name) { MigrationEnding.complain($0, progress) }
                    )
                }
                var ending = MigrationEnding(
                    run: outcome.run, counts: outcome.counts, report: file.path,
                    verb: "copied \(outcome.counts.copied), \(outcome.counts.bytes) bytes")
                ending.removal = removal
                return ending
            }
        }
    }
}

/// `custode migrate status`.
struct MigrateStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Tells of the last apply: what it counted, and what of it stands.")

    @OptionGroup var options: SettingOptions
    @Option(help: "Of which source (default: of any).") var from: String?
    @Flag(help: "Print one JSON object.") var json = false

    func run() async throws {
        let parts = Parts(try options.settings())
        try await MigrationEnding.exiting(json) { progress in
            try await parts.withMigration(progress) { scene in
                let name = try from.map { try parts.source($0, scene).name }
                guard let status = try await scene.parts.status(of: name) else {
                    throw LegacySourceFault("nothing was migrated\(name.map { " from \($0)" } ?? "") yet")
                }
                let ended = status.ended.map { "ended \($0.rfc3339)" } ?? "not ended: apply goes on with it"
                return MigrationEnding(
                    run: status.run, counts: status.counts,
                    verb:
                        "from \(status.source), begun \(status.begun.rfc3339), \(ended); \(status.switched) references "
                        + "stand, the files of \(status.sources) are in their places", failureCounts: false)
            }
        }
    }
}
