/// Puts back the references that a migration switched, where what they meant is still there.
///
/// The copies are then nobody's, and collection's.
public struct UndoMigration: Sendable {
    private static let batch = 500

    private let parts: MigrationParts

    /// An undoer over the parts of a deployment.
    public init(_ parts: MigrationParts) { self.parts = parts }

    /// Puts back all that a run switched.
    ///
    /// - Parameter report: Told of each reference that stays, and why.
    /// - Returns: Found: what the run switched. Matched: what was put back by this, with its bytes. Skipped: what was put back
    ///   before, or whose job is gone. Conflicts: what refers to something newer. Failed: what came from a file that is no
    ///   longer there, or is another.
    /// - Throws: ``MigrationUnderWay``, ``CatalogError``, ``BlobStoreError``; ``LegacySourceFault`` if there is no such run.
    public func callAsFunction(
        _ run: String, report: (MigrationRecord) throws -> Void
    ) async throws -> MigrationCounts {
        try await parts.alone { try await undo(run, report) }
    }

    private func undo(_ run: String, _ report: (MigrationRecord) throws -> Void) async throws -> MigrationCounts {
        var counts = MigrationCounts()
        counts.found = try await parts.catalog.countRewrites(of: run)
        guard try await parts.catalog.source(of: run) != nil else {
            throw LegacySourceFault("there is no migration \(run); custode migrate status tells the last one")
        }
        var last: Int64 = 0
        var seen: Int64 = 0
        while true {
            let rewrites = try await parts.catalog.rewrites(of: run, from: nil, after: last, limit: Self.batch)
            guard let end = rewrites.last?.id else { break }
            last = end
            seen += Int64(rewrites.count)
            try await bringBack(rewrites)
            let sources = try await SourceFacts(parts).find(rewrites.map(\.rewrite.source))
            for (rewrite, facts) in zip(rewrites, sources) {
                try Task.checkCancellation()
                try await undo(rewrite, facts, &counts, report)
            }
            parts.progress(
                CollectionProgress(.undoing, done: seen, total: counts.found, bytes: counts.bytes))
        }
        counts.skipped += counts.found - seen
        // An interrupted run that was put back does not go on.
        try await parts.catalog.end(run)
        return counts
    }

    /// Brings files back that were set aside in a `.trash` of their directory; what lies in the bucket's quarantine is
    /// `custode restore`'s, as anything there is.
    private func bringBack(_ rewrites: [RecordedRewrite]) async throws {
        let moved = rewrites.compactMap { rewrite -> (from: LegacyPlace, to: LegacyPlace)? in
            guard rewrite.isCurrent, case .file? = rewrite.trash.flatMap({ LegacyPlace($0) }),
                let place = rewrite.trash.flatMap({ LegacyPlace($0) })
            else { return nil }
            return (place, rewrite.rewrite.source)
        }
        guard !moved.isEmpty else { return }
        let facts = try await parts.files.facts(of: moved.map { parts.locate($0.from).key })
        let moves = zip(moved, facts).compactMap { places, facts in
            facts.map {
                BlobMove(from: parts.locate(places.from).key, to: parts.locate(places.to).key, expected: $0)
            }
        }
        // One that does not come back is missed below, or found to be another.
        _ = await parts.files.move(moves) { !Task.isCancelled }
    }

    private func undo(
        _ rewrite: RecordedRewrite, _ facts: BlobFacts?, _ counts: inout MigrationCounts,
        _ report: (MigrationRecord) throws -> Void
    ) async throws {
        var record = MigrationRecord(
            source: rewrite.rewrite.source.description, decision: .failed, job: rewrite.job, object: rewrite.object,
            size: rewrite.rewrite.facts.size, key: rewrite.key)
        // The copy is collected afterwards: what it was made of must be there, even where the row referred to nothing.
        if rewrite.isCurrent, let (decision, detail) = try await fault(of: rewrite, facts) {
            counts.failed += 1
            (record.decision, record.detail) = (decision, detail)
            return try report(record)
        }
        switch try await parts.catalog.undo(rewrite) {
        case .undone:
            counts.matched += 1
            counts.bytes += rewrite.rewrite.facts.size
        case .gone: counts.skipped += 1
        case .changed:
            counts.conflicts += 1
            record.decision = .occupied
            record.detail = "the job refers to something newer"
            try report(record)
        }
    }

    private func fault(
        of rewrite: RecordedRewrite, _ facts: BlobFacts?
    ) async throws -> (MigrationDecision, String)? {
        guard let facts else {
            let lost = rewrite.trash.map { "its file is in quarantine, at \($0); bring it back first" }
            return (.missing, lost ?? "its file is no longer there")
        }
        guard try await SourceFacts(parts).isIntact(rewrite, facts) else {
            return (.changed, "its file is no longer what was copied")
        }
        return nil
    }
}
