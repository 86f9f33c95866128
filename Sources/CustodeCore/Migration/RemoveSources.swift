/// Sets the files aside whose copies took their places: into the bucket's quarantine, or, of a directory, into a `.trash`
/// of its own.
///
/// A file goes only if its copy is in the bucket, it is still what was copied, and nothing refers to it any more.
public struct RemoveSources: Sendable {
    private static let batch = Quarantine.batch

    private let parts: MigrationParts
    private let root: String?

    /// - Parameter root: The directory in whose `.trash` files below it go; others go into one beside them.
    public init(_ parts: MigrationParts, root: String? = nil) {
        self.parts = parts
        self.root = root
    }

    /// What was done.
    public struct Report: Sendable, Equatable {
        /// The run, by whose name `custode restore` brings back what lay in the bucket.
        public var run = ""
        /// Files that were set aside.
        public var removed: Int64 = 0
        /// Their bytes.
        public var bytes: Int64 = 0
        /// Files that stay, since something needs them.
        public var kept: Int64 = 0
        /// Files that could not be moved, or are not what was copied.
        public var failed: Int64 = 0
    }

    /// Sets aside the files of a source, or of one run.
    ///
    /// - Parameter found: Told of each file that stays, and why.
    /// - Throws: ``MigrationUnderWay``, ``CatalogError``, ``BlobStoreError``.
    public func callAsFunction(
        run: String?, source: String?, found: (MigrationRecord) throws -> Void
    ) async throws -> Report {
        guard let lock = try await parts.catalog.lock() else { throw MigrationUnderWay() }
        do {
            let report = try await remove(run, source, found)
            await lock.release()
            return report
        } catch {
            await lock.release()
            throw error
        }
    }

    private func remove(
        _ run: String?, _ source: String?, _ found: (MigrationRecord) throws -> Void
    ) async throws -> Report {
        let now = parts.clock.now()
        let removal = CollectionRun(
            id: RunID.makeForRemoval(now, parts.put.random), kind: .removal, asOf: now)
        var report = Report()
        report.run = removal.id
        try await parts.collection.catalog.begin(removal)
        var last: Int64 = 0
        while true {
            let page = try await parts.catalog.rewrites(of: run, from: source, after: last, limit: Self.batch)
            guard let end = page.last?.id else { break }
            last = end
            try Task.checkCancellation()
            try await remove(page.filter { $0.trash == nil }, removal, &report, found)
            parts.progress(
                CollectionProgress(.removing, done: report.removed + report.kept + report.failed, bytes: report.bytes))
        }
        var ending = CollectionReport(runID: removal.id)
        ending.verdict = report.failed == 0 ? .done : .failed
        ending.quarantined = report.removed
        ending.bytesQuarantined = report.bytes
        try await parts.collection.catalog.finish(removal, ending)
        return report
    }

    private func remove(
        _ rewrites: [RecordedRewrite], _ run: CollectionRun, _ report: inout Report,
        _ found: (MigrationRecord) throws -> Void
    ) async throws {
        guard !rewrites.isEmpty else { return }
        let copies = try await parts.bucket.facts(of: rewrites.map(\.key))
        let sources = try await SourceFacts(parts).find(rewrites)
        var ready: [(rewrite: RecordedRewrite, facts: BlobFacts)] = []
        for (index, rewrite) in rewrites.enumerated() {
            // Of a job that is gone, or has a newer object, the copy may have been collected.
            if rewrite.isCurrent, copies[index]?.size != rewrite.rewrite.facts.size {
                report.failed += 1
                try found(Self.record(rewrite, .failed, "its copy is not in the bucket; the file stays"))
            } else if let facts = sources[index] {
                if facts.etag == rewrite.rewrite.facts.etag, facts.size == rewrite.rewrite.facts.size {
                    ready.append((rewrite, facts))
                } else {
                    report.failed += 1
                    try found(Self.record(rewrite, .changed, "it changed since it was copied; the file stays"))
                }
            }
        }
        // From here on nothing of ours keeps them; whoever else refers to one keeps it.
        try await parts.catalog.beginRemoval(ready.map(\.rewrite))
        let needed = try await areNeeded(ready.map(\.rewrite))
        var places = [String?](repeating: nil, count: ready.count)
        let free = ready.indices.filter { !needed[$0] }
        for index in ready.indices where needed[index] {
            report.kept += 1
            try found(Self.record(ready[index].rewrite, .occupied, "something still refers to it; the file stays"))
        }
        let outcomes = try await setAside(free.map { ready[$0] }, run)
        for (index, outcome) in zip(free, outcomes) {
            switch outcome {
            case .gone(let place):
                places[index] = place
                report.removed += 1
                report.bytes += ready[index].facts.size
            case .kept:
                report.kept += 1
                try found(Self.record(ready[index].rewrite, .occupied, "something still refers to it; the file stays"))
            case .failed(let text):
                report.failed += 1
                try found(Self.record(ready[index].rewrite, .failed, text))
            }
        }
        try await parts.catalog.endRemoval(ready.map(\.rewrite), places)
    }

    /// Whether a row still refers to the source of each, in any of the spellings that are known.
    private func areNeeded(_ rewrites: [RecordedRewrite]) async throws(CatalogError) -> [Bool] {
        let spellings = rewrites.map { one in
            let path = one.rewrite.source.path
            var spellings = [path]
            if let reference = one.rewrite.reference, !reference.utf8.elementsEqual(path.utf8) {
                spellings.append(reference)
            }
            if let root, path.utf8.starts(with: "\(root)/".utf8) {
                spellings.append(String(path.utf8.dropFirst(root.utf8.count + 1)) ?? path)
            }
            return spellings
        }
        var answers = try await parts.collection.catalog.referenced(spellings.flatMap { $0 })[...]
        return spellings.map { one in
            defer { answers = answers.dropFirst(one.count) }
            return answers.prefix(one.count).contains(true)
        }
    }

    private enum Outcome {
        case gone(String)
        case kept
        case failed(String)
    }

    private func setAside(
        _ ready: [(rewrite: RecordedRewrite, facts: BlobFacts)], _ run: CollectionRun
    ) async throws -> [Outcome] {
        var outcomes = ready.map { _ in Outcome.kept }
        let objects = ready.indices.filter { ready[$0].rewrite.rewrite.source.isObject }
        var condemned: [Condemned] = []
        var places: [Int] = []
        var first: [QuarantinedKey: Int] = [:]
        for index in objects {
            guard let key = QuarantinedKey(any: ready[index].rewrite.rewrite.source.path) else {
                outcomes[index] = .failed("its key cannot be in quarantine; the file stays")
                continue
            }
            // One file may have become several objects; it goes once.
            guard first[key] == nil else { continue }
            first[key] = index
            places.append(index)
            condemned.append(
                Condemned(
                    facts: ready[index].facts, reason: "migrated", place: TrashPlace(of: key, run: run.id, on: run.asOf)
                ))
        }
        let dispositions = try await Quarantine(parts: parts.collection, run: run, fence: nil)(condemned)
        for ((index, one), disposition) in zip(zip(places, condemned), dispositions) {
            switch disposition {
            case .quarantined, .absent: outcomes[index] = .gone("bucket:\(one.place.text)")
            case .alive, .busy: outcomes[index] = .kept
            case .failed(let text): outcomes[index] = .failed(text)
            case .overQuota: throw BrakeHeld.overQuota
            }
        }
        for index in objects {
            if let key = QuarantinedKey(any: ready[index].rewrite.rewrite.source.path), let same = first[key] {
                outcomes[index] = outcomes[same]
            }
        }
        try await moveFiles(ready, run, &outcomes)
        return outcomes
    }

    private func moveFiles(
        _ ready: [(rewrite: RecordedRewrite, facts: BlobFacts)], _ run: CollectionRun, _ outcomes: inout [Outcome]
    ) async throws {
        let files = ready.indices.filter { !ready[$0].rewrite.rewrite.source.isObject }
        let targets = files.map { trashPath(of: ready[$0].rewrite.rewrite.source.path, run) }
        let moves = zip(files, targets).map { index, target in
            BlobMove(
                from: parts.locate(ready[index].rewrite.rewrite.source).key, to: parts.locate(.file(target)).key,
                expected: ready[index].facts)
        }
        let moved = await parts.files.move(moves) { !Task.isCancelled }
        for ((index, target), outcome) in zip(zip(files, targets), moved) {
            switch outcome {
            // A file that became several objects is there no longer at the second time.
            case .moved, .absent: outcomes[index] = .gone("file:\(target)")
            case .changed: outcomes[index] = .failed("it changed since it was copied; the file stays")
            case .failed(let error): outcomes[index] = .failed("\(error)")
            }
        }
    }

    /// `{root}/.trash/{date}/{run}/{path below the root}`.
    private func trashPath(of path: String, _ run: CollectionRun) -> String {
        var folder = path.utf8.lastIndex(of: 0x2F).map { String(path[..<$0]) } ?? ""
        if let root, path.utf8.starts(with: "\(root)/".utf8) { folder = root }
        let name = String(path.utf8.dropFirst(folder.utf8.count + 1)) ?? path
        return "\(folder)/\(TrashPlace.root)\(run.asOf.rfc3339.prefix(10))/\(run.id)/\(name)"
    }

    private static func record(
        _ rewrite: RecordedRewrite, _ decision: MigrationDecision, _ detail: String
    ) -> MigrationRecord {
        MigrationRecord(
            source: rewrite.rewrite.source.description, decision: decision, job: rewrite.job, object: rewrite.object,
            size: rewrite.rewrite.facts.size, key: rewrite.key, detail: detail)
    }
}
