/// Sets the files aside whose copies took their places: into the bucket's quarantine, or, of a directory, into a `.trash`
/// of its own.
///
/// A file goes only if all its copies are in the bucket, it is still what was copied, and nothing refers to it any more.
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

    /// A file, and all that was ever made of it.
    private struct Candidate {
        let source: LegacyPlace
        let rewrites: [RecordedRewrite]
        let facts: BlobFacts
        let place: LegacyPlace

        /// Those of which something stands.
        var standing: [RecordedRewrite] { rewrites.filter { $0.state != .undone } }
    }

    /// Sets aside the files of a source, or of one run.
    ///
    /// - Parameter found: Told of each file that stays, and why.
    /// - Throws: ``MigrationUnderWay``, ``CatalogError``, ``BlobStoreError``, ``BrakeHeld``.
    public func callAsFunction(
        run: String?, source: String?, found: (MigrationRecord) throws -> Void
    ) async throws -> Report {
        try await parts.alone { try await remove(run, source, found) }
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
            try await remove(page, removal, &report, found)
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
        _ page: [RecordedRewrite], _ run: CollectionRun, _ report: inout Report,
        _ found: (MigrationRecord) throws -> Void
    ) async throws {
        var ready: [Candidate] = []
        let candidates = try await candidates(page, run)
        let copies = try await copies(of: candidates)
        for candidate in candidates {
            if let (decision, detail) = try await fault(of: candidate, copies) {
                report.failed += 1
                try found(Self.record(candidate, decision, detail))
            } else {
                ready.append(candidate)
            }
        }
        guard !ready.isEmpty else { return }
        // From here on nothing of ours keeps them; whoever else refers to one keeps it.
        let marked = ready.flatMap { one in one.standing.map { (rewrite: $0, place: one.place.description) } }
        try await parts.catalog.beginRemoval(marked.map(\.rewrite), to: marked.map(\.place), by: run.id)
        let needed = try await parts.catalog.areNeeded(ready.map(\.source))
        let free = ready.indices.filter { !needed[$0] }
        var outcomes = ready.map { _ in Outcome.kept }
        for (index, outcome) in zip(free, try await setAside(free.map { ready[$0] }, run)) { outcomes[index] = outcome }
        for (candidate, outcome) in zip(ready, outcomes) {
            switch outcome {
            case .gone:
                report.removed += 1
                report.bytes += candidate.facts.size
            case .kept:
                report.kept += 1
                try found(Self.record(candidate, .occupied, "something still refers to it; the file stays"))
            case .failed(let text):
                report.failed += 1
                try found(Self.record(candidate, .failed, text))
            }
        }
        // Of what failed nobody knows where it is; the next run finds out.
        try await settle(
            zip(ready, outcomes).compactMap { candidate, outcome in
                if case .failed = outcome { nil } else { (candidate, outcome == .gone) }
            })
    }

    /// The files of a page that are in their places, each once, with all that was made of it.
    private func candidates(_ page: [RecordedRewrite], _ run: CollectionRun) async throws -> [Candidate] {
        var sources: [LegacyPlace] = []
        var known: Set<LegacyPlace> = []
        for rewrite in page where known.insert(rewrite.rewrite.source).inserted {
            sources.append(rewrite.rewrite.source)
        }
        let facts = try await SourceFacts(parts).find(sources)
        let rewrites = Dictionary(grouping: try await parts.catalog.rewrites(from: sources)) { $0.rewrite.source }
        try await settleInterrupted(zip(sources, facts).filter { $0.1 == nil }.flatMap { rewrites[$0.0] ?? [] })
        return zip(sources, facts).compactMap { source, facts in
            facts.map {
                Candidate(source: source, rewrites: rewrites[source] ?? [], facts: $0, place: place(of: source, run))
            }
        }
    }

    /// Records what a removal before did and did not come to record.
    private func settleInterrupted(_ rewrites: [RecordedRewrite]) async throws {
        let begun = rewrites.filter { $0.state == .removing && $0.trash.flatMap { LegacyPlace($0) } != nil }
        guard !begun.isEmpty else { return }
        let facts = try await SourceFacts(parts).find(begun.compactMap { $0.trash.flatMap { LegacyPlace($0) } })
        let done = zip(begun, facts).filter { $0.1 != nil }.map(\.0)
        try await parts.catalog.endRemoval(done, done.map(\.trash))
    }

    private func settle(_ outcomes: [(candidate: Candidate, isGone: Bool)]) async throws {
        let all = outcomes.flatMap { one in
            one.candidate.standing.map { ($0, one.isGone ? one.candidate.place.description : nil) }
        }
        try await parts.catalog.endRemoval(all.map(\.0), all.map(\.1))
    }

    /// The sizes of the copies that jobs refer to, by their keys.
    private func copies(of candidates: [Candidate]) async throws(BlobStoreError) -> [String: Int64] {
        let keys = candidates.flatMap { $0.standing.filter(\.isCurrent).map(\.key) }
        let facts = try await parts.bucket.facts(of: keys)
        return zip(keys, facts).reduce(into: [:]) { $0[$1.0] = $1.1?.size }
    }

    /// Why a file stays.
    private func fault(
        of candidate: Candidate, _ copies: [String: Int64]
    ) async throws -> (MigrationDecision, String)? {
        // Of a job that is gone, or has a newer object, the copy may have been collected.
        for rewrite in candidate.standing where rewrite.isCurrent && copies[rewrite.key] != rewrite.rewrite.facts.size {
            return (.failed, "its copy \(rewrite.key) is not in the bucket; the file stays")
        }
        for rewrite in candidate.standing {
            guard try await SourceFacts(parts).isIntact(rewrite, candidate.facts) else {
                return (.changed, "it changed since it was copied; the file stays")
            }
        }
        return nil
    }

    private enum Outcome: Equatable {
        case gone
        case kept
        case failed(String)
    }

    private func setAside(_ ready: [Candidate], _ run: CollectionRun) async throws -> [Outcome] {
        var outcomes = ready.map { _ in Outcome.kept }
        var objects: [(index: Int, condemned: Condemned)] = []
        var files: [(index: Int, move: BlobMove)] = []
        for (index, one) in ready.enumerated() {
            if one.source.isObject {
                guard let key = QuarantinedKey(any: one.source.path) else {
                    outcomes[index] = .failed("its key cannot be in quarantine; the file stays")
                    continue
                }
                let place = TrashPlace(of: key, run: run.id, on: run.asOf)
                objects.append((index, Condemned(facts: one.facts, reason: "migrated", place: place)))
            } else {
                let move = BlobMove(
                    from: parts.locate(one.source).key, to: parts.locate(one.place).key, expected: one.facts)
                files.append((index, move))
            }
        }
        let quarantine = Quarantine(parts: parts.collection, run: run, fence: nil)
        for ((index, _), disposition) in zip(objects, try await quarantine(objects.map(\.condemned))) {
            switch disposition {
            case .quarantined, .absent: outcomes[index] = .gone
            case .alive, .busy: break
            case .failed(let text): outcomes[index] = .failed(text)
            case .overQuota: throw BrakeHeld.overQuota
            }
        }
        for ((index, _), outcome) in zip(files, await parts.files.move(files.map(\.move)) { !Task.isCancelled }) {
            switch outcome {
            case .moved, .absent: outcomes[index] = .gone
            case .changed: outcomes[index] = .failed("it changed since it was copied; the file stays")
            case .failed(let error): outcomes[index] = .failed("\(error)")
            }
        }
        return outcomes
    }

    /// Where a file goes: of a directory, `{root}/.trash/{date}/{run}/{path below the root}`.
    private func place(of source: LegacyPlace, _ run: CollectionRun) -> LegacyPlace {
        let path = source.path
        if source.isObject {
            return .object("\(TrashPlace.root)\(run.asOf.rfc3339.prefix(10))/\(run.id)/\(path)")
        }
        var folder = path.utf8.lastIndex(of: 0x2F).map { String(path[..<$0]) } ?? ""
        if let root, path.utf8.starts(with: "\(root)/".utf8) { folder = root }
        let name = String(path.utf8.dropFirst(folder.utf8.count + 1)) ?? path
        return .file("\(folder)/\(TrashPlace.root)\(run.asOf.rfc3339.prefix(10))/\(run.id)/\(name)")
    }

    private static func record(
        _ candidate: Candidate, _ decision: MigrationDecision, _ detail: String
    ) -> MigrationRecord {
        MigrationRecord(
            source: candidate.source.description, decision: decision, job: candidate.rewrites.first?.job,
            object: candidate.rewrites.first?.object, size: candidate.facts.size, detail: detail)
    }
}
