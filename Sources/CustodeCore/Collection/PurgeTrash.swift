/// Removes from quarantine for good what has lain there long enough and what still nothing refers to.
struct PurgeTrash {
    private static let batch = 500
    private static let day = Duration.seconds(86_400)

    private let parts: CollectionParts

    init(_ parts: CollectionParts) { self.parts = parts }

    /// - Throws: ``CatalogError``, ``BlobStoreError``.
    func callAsFunction(
        _ run: CollectionRun, leadership: any CollectionLeadership, _ report: inout CollectionReport
    ) async throws {
        let cutoff = run.asOf + (.zero - parts.policy.trashTTL)
        let lastDay = cutoff.rfc3339.prefix(10)
        let listing = parts.store.list(ListingScope(prefix: TrashPlace.root))
        var batch: [TrashPlace] = []
        walking: while let page = try await listing.next() {
            for blob in page.blobs {
                guard let place = TrashPlace(parsing: blob.key) else { continue }
                // In the order of their dates: from here on all are newer.
                if place.date > lastDay { break walking }
                batch.append(place)
                guard batch.count == Self.batch else { continue }
                try await purge(batch, before: cutoff, run, leadership, &report)
                batch.removeAll(keepingCapacity: true)
            }
        }
        try await purge(batch, before: cutoff, run, leadership, &report)
        try await forgetVanished(before: cutoff)
    }

    private func purge(
        _ places: [TrashPlace], before cutoff: Timestamp, _ run: CollectionRun, _ leadership: any CollectionLeadership,
        _ report: inout CollectionReport
    ) async throws {
        guard !places.isEmpty else { return }
        try Task.checkCancellation()
        let moments = try await parts.catalog.quarantined(places)
        // What the catalog does not know, after it was restored from a backup, counts from the end of its day.
        let due = zip(places, moments).filter { place, moment in
            moment.map { $0 <= cutoff } ?? (place.date < cutoff.rfc3339.prefix(10))
        }.map(\.0)
        guard !due.isEmpty else { return }
        try await leadership.renew()
        let (fence, asked) = (leadership.fence, parts.clock.now())
        let mayGo = try await parts.catalog.condemnTrash(due, run: run.id, fence: fence)
        let holds = parts.holding(since: asked, for: fence.lease)
        guard holds() else { throw CatalogError.superseded }
        let dead = zip(due, mayGo).filter(\.1).map(\.0)
        let failures = await parts.store.remove(dead.map(\.text), while: holds)
        let gone = zip(dead, failures).filter { $0.1 == nil }.map(\.0)
        try await parts.catalog.forgetTrash(gone)
        report.purged += Int64(gone.count)
        // What was not begun waits for the next run; if the leadership is lost, the next step finds out.
        for (place, failure) in zip(dead, failures) {
            if let failure, failure != .cancelled { report.noteFailure(place.text, "\(failure)") }
        }
        parts.progress(CollectionProgress(.purging, done: report.purged))
    }

    /// What the catalog believes in quarantine and somebody else took from there is no reason to remember its key.
    private func forgetVanished(before cutoff: Timestamp) async throws {
        let old = try await parts.catalog.trash(before: cutoff, limit: 1_000)
        guard !old.isEmpty else { return }
        let facts = try await parts.store.facts(of: old.map(\.text))
        let vanished = zip(old, facts).filter { $0.1 == nil }.map(\.0)
        if !vanished.isEmpty { try await parts.catalog.forgetTrash(vanished) }
    }
}
