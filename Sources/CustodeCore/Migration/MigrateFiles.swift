/// Brings files from before to where ids say they belong: copied, verified, and only then referred to.
///
/// Every object is a transaction of its own, and nothing is removed: stopped anywhere, it goes on where it was, and run
/// again it finds nothing to do.
public struct MigrateFiles: Sendable {
    private let parts: MigrationParts
    private let source: any LegacySource

    /// A migration from a source.
    public init(_ parts: MigrationParts, from source: any LegacySource) {
        self.parts = parts
        self.source = source
    }

    /// How it goes about it.
    public struct Options: Sendable {
        /// How many files are copied at once.
        public var workers = 32
        /// The most bytes a second to read, of all together.
        public var rate: Int64?

        /// Thirty-two at once, as fast as they go.
        public init() {}
    }

    /// What a run did.
    public struct Outcome: Sendable, Equatable {
        /// The run.
        public let run: String
        /// What it counted.
        public let counts: MigrationCounts
    }

    /// Finds out what would be done, and does none of it.
    ///
    /// - Parameter report: Told of each file once.
    /// - Throws: ``CatalogError``; ``LegacySourceFault``, or what else keeps the source from being listed.
    public func plan(report: (MigrationRecord) throws -> Void) async throws -> Outcome {
        try await parts.check()
        var survey = SurveySource(parts: parts, source: source)
        if source.mayContend { survey.contested = try await survey { _, _ in } }
        var counts = MigrationCounts()
        _ = try await survey { finding, isNew in
            let record = Self.record(finding)
            if isNew { counts.found += 1 }
            counts.count(record)
            try report(record)
            parts.progress(CollectionProgress(.planning, done: counts.found, bytes: counts.bytes))
        }
        return Outcome(run: RunID.make(parts.clock.now(), parts.put.random), counts: counts)
    }

    /// Copies what is to be copied, and switches the references.
    ///
    /// - Parameter report: Told of each file once, in no particular order.
    /// - Throws: ``MigrationUnderWay``; ``MigrationHalted`` if it makes no sense to go on; as ``plan(report:)``.
    public func apply(
        _ options: Options = Options(), report: @escaping @Sendable (MigrationRecord) throws -> Void
    ) async throws -> Outcome {
        try await parts.alone { try await applyAlone(options, report) }
    }

    private func applyAlone(
        _ options: Options, _ report: @escaping @Sendable (MigrationRecord) throws -> Void
    ) async throws -> Outcome {
        var planned = MigrationCounts()
        var survey = SurveySource(parts: parts, source: source)
        survey.contested = try await survey { finding, isNew in
            if isNew { planned.found += 1 }
            planned.count(Self.record(finding))
            parts.progress(CollectionProgress(.planning, done: planned.found, bytes: planned.bytes))
        }
        let known = try await parts.catalog.unfinished(source.name)
        let run = known ?? RunID.make(parts.clock.now(), parts.put.random)
        try await parts.catalog.begin(run, source: source.name)
        let copy = CopyFile(
            parts: parts, run: run,
            pace: options.rate.map { SharedPace(rate: $0, clock: parts.clock, pause: parts.pause) })
        let counts = try await act(on: survey, copy, max(1, options.workers), planned.toCopy, report)
        try await parts.catalog.finish(run, counts)
        return Outcome(run: run, counts: counts)
    }

    private func act(
        on survey: SurveySource, _ copy: CopyFile, _ workers: Int, _ total: Int64,
        _ report: @escaping @Sendable (MigrationRecord) throws -> Void
    ) async throws -> MigrationCounts {
        var counts = MigrationCounts()
        var done: Int64 = 0
        func take(_ record: MigrationRecord) throws {
            counts.count(record)
            try report(record)
        }
        func takeCopied(_ record: MigrationRecord) throws {
            try take(record)
            done += 1
            parts.progress(CollectionProgress(.migrating, done: done, total: total, bytes: counts.bytes))
        }
        try await withThrowingTaskGroup(of: MigrationRecord.self) { group in
            var working = 0
            _ = try await survey { finding, isNew in
                if isNew { counts.found += 1 }
                switch finding {
                case .settled(let record): try take(record)
                case .toCopy(let file, let match, let place):
                    if working == workers, let record = try await group.next() {
                        working -= 1
                        try takeCopied(record)
                    }
                    group.addTask { try await copy(file, match, at: place) }
                    working += 1
                }
            }
            for try await record in group { try takeCopied(record) }
        }
        return counts
    }

    private static func record(_ finding: SurveySource.Finding) -> MigrationRecord {
        switch finding {
        case .settled(let record): record
        case .toCopy(let file, let match, _):
            MigrationRecord(
                source: file.name, decision: .copy, job: match.found.job, object: match.object, size: file.size)
        }
    }
}
