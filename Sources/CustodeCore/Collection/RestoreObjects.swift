/// Brings objects back from quarantine to their places, byte for byte, never over anything.
///
/// Bytes come back, not references. A restored key starts anew: its age and its sightings count from now.
public struct RestoreObjects: Sendable {
    private static let batch = 500

    private let parts: CollectionParts

    /// A restorer over the parts of a deployment.
    public init(_ parts: CollectionParts) { self.parts = parts }

    /// What is wanted back.
    public enum Wish: Sendable, Equatable {
        /// All that a run quarantined.
        case run(String)
        /// One object; of several writings of it the one quarantined last.
        case key(QuarantinedKey)
    }

    /// What came back.
    public struct Report: Sendable, Equatable {
        /// Objects back in their places.
        public var restored: Int64 = 0
        /// Objects that were there no more, or that somebody else is bringing back.
        public var skipped: Int64 = 0
        /// Objects that could not be brought back.
        public var failed: Int64 = 0
        /// Bytes of what came back.
        public var bytes: Int64 = 0
        /// Why, of the first that failed.
        public var detail: String?
    }

    /// - Throws: ``CatalogError``, ``BlobStoreError``.
    public func callAsFunction(_ wish: Wish) async throws -> Report {
        let run = parts.run(.restore)
        var report = Report()
        try await parts.catalog.begin(run)
        switch wish {
        case .key(let key):
            var place = try await parts.catalog.newestTrash(of: key.text)
            if place == nil { place = try await newestListed(of: key) }
            if let place { try await restore([place], run, &report) }
        case .run(let id):
            // The name of a run begins with its day; one that does not is looked for everywhere.
            let day = Self.day(of: id)
            if let day { try await restore(all: "\(TrashPlace.root)\(day)/\(id)/", of: id, run, &report) }
            if report == Report() { try await restore(all: TrashPlace.root, of: id, run, &report) }
        }
        var ending = CollectionReport(runID: run.id)
        ending.verdict = report.failed == 0 ? .done : .failed
        ending.detail = report.detail
        try await parts.catalog.finish(run, ending)
        return report
    }

    private func restore(
        all prefix: String, of id: String, _ run: CollectionRun, _ report: inout Report
    ) async throws {
        let listing = parts.store.list(ListingScope(prefix: prefix))
        var batch: [TrashPlace] = []
        while let page = try await listing.next() {
            for blob in page.blobs {
                guard let place = TrashPlace(parsing: blob.key), place.run == id else { continue }
                batch.append(place)
                guard batch.count == Self.batch else { continue }
                try await restore(batch, run, &report)
                batch.removeAll(keepingCapacity: true)
            }
        }
        try await restore(batch, run, &report)
    }

    private func restore(_ places: [TrashPlace], _ run: CollectionRun, _ report: inout Report) async throws {
        guard !places.isEmpty else { return }
        try Task.checkCancellation()
        let length = parts.policy.leaderLease
        let claim = parts.claim(since: parts.clock.now(), for: length)
        let verdicts = try await parts.catalog.beginRestore(places, run: run.id, for: length)
        let claimed = zip(places, verdicts).filter { $0.1 == .claimed }.map(\.0)
        report.skipped += Int64(verdicts.count { $0 == .busy })
        for (place, verdict) in zip(places, verdicts) where verdict == .intent {
            report.failed += 1
            report.detail =
                report.detail ?? "\(place.key): an upload of this name is under way; restore it when that has ended"
        }
        let facts = try await parts.store.facts(of: claimed.map(\.text))
        var moves: [BlobMove] = []
        var moving: [TrashPlace] = []
        var endings: [RestoreEnding] = []
        for (place, facts) in zip(claimed, facts) {
            guard let facts else {
                report.skipped += 1
                endings.append(RestoreEnding(place: place, isBack: false))
                continue
            }
            var move = BlobMove(from: place.text, to: place.key.text, expected: facts)
            move.renewsAge = true
            moves.append(move)
            moving.append(place)
        }
        let (parts, wanted) = (parts, moves)
        let outcomes = await claim.keeping { () throws(CatalogError) in
            try await parts.catalog.renewClaims(claimed, run: run.id, fence: nil, for: length)
        } during: {
            await parts.store.move(wanted) { claim.holds }
        }
        for (index, outcome) in outcomes.enumerated() {
            let isBack = outcome == .moved
            endings.append(RestoreEnding(place: moving[index], isBack: isBack))
            if isBack {
                report.restored += 1
                report.bytes += moves[index].expected.size
            } else {
                report.failed += 1
                report.detail = report.detail ?? Self.explanation(outcome, moving[index])
            }
        }
        try await parts.catalog.endRestore(endings)
        parts.progress(CollectionProgress(.restoring, done: report.restored, bytes: report.bytes))
    }

    private func newestListed(of key: QuarantinedKey) async throws -> TrashPlace? {
        let listing = parts.store.list(ListingScope(prefix: TrashPlace.root))
        var newest: TrashPlace?
        while let page = try await listing.next() {
            for blob in page.blobs {
                // Runs come in the order of their days and names, which begin with their times.
                if let place = TrashPlace(parsing: blob.key), place.key == key { newest = place }
            }
        }
        return newest
    }

    private static func day(of run: String) -> String? {
        let digits = Array(run.prefix(8))
        guard digits.count == 8, digits.allSatisfy(\.isNumber) else { return nil }
        return "\(String(digits[0..<4]))-\(String(digits[4..<6]))-\(String(digits[6..<8]))"
    }

    private static func explanation(_ outcome: BlobMove.Outcome, _ place: TrashPlace) -> String {
        switch outcome {
        case .failed(let error): "\(place.key): \(error)"
        case .changed: "\(place.key): something else is in its place; it stays in quarantine at \(place.text)"
        case .absent, .moved: "\(place.key): it is no longer in quarantine"
        }
    }
}
