/// Carries out the plan of a sweep: the outbox, then what is due, then what quarantine need keep no longer.
struct SweepActing {
    /// A plan older than this is not acted on.
    static let oldestPlan = Duration.seconds(6 * 3_600)

    /// However short the lease: an upload's parts may be begun a moment before its intent can be seen.
    private static let shortestUnfinished = Duration.seconds(60)

    let parts: CollectionParts
    let run: CollectionRun
    let leadership: any CollectionLeadership
    /// When the listing began.
    let begun: Timestamp
    /// What the store's clock is ahead of ours.
    let bucketAhead: Duration
    let due: any ListingSpool
    /// Takes what was due and stays, so that it need not be seen twice again.
    let waiting: any ListingSpool

    /// - Throws: ``BrakeHeld`` when the plan has become too old; ``CatalogError``; ``BlobStoreError``.
    func callAsFunction(_ report: inout CollectionReport) async throws {
        try await DrainOutbox(parts)(run, leadership: leadership, &report)
        let quarantine = Quarantine(parts: parts, run: run, fence: leadership.fence)
        let plan = try await due.read()
        var batch: [ListedBlob] = []
        while let page = try await plan.next() {
            for blob in page.blobs {
                batch.append(blob)
                guard batch.count == Quarantine.batch else { continue }
                try await act(on: batch, quarantine, &report)
                batch.removeAll(keepingCapacity: true)
            }
        }
        try await act(on: batch, quarantine, &report)
        try await PurgeTrash(parts)(run, leadership: leadership, &report)
        // Leases are real time, whatever counts as now.
        let cutoff = begun + bucketAhead + (.zero - max(parts.policy.intentLease, Self.shortestUnfinished))
        try await AbortUnfinished(parts)(before: cutoff, leadership: leadership, &report)
    }

    private func act(
        on batch: [ListedBlob], _ quarantine: Quarantine, _ report: inout CollectionReport
    ) async throws {
        guard !batch.isEmpty else { return }
        try Task.checkCancellation()
        guard parts.clock.now() < begun + Self.oldestPlan else {
            throw BrakeHeld(.planAge, "the bucket was listed more than six hours ago; run again")
        }
        let condemned = batch.compactMap { blob in
            ObjectKey(parsing: blob.key).map {
                Condemned(
                    facts: blob.facts, reason: "sweep",
                    place: TrashPlace(of: $0, run: run.id, on: run.asOf))
            }
        }
        // On the leader's own connection: if that is gone, so is the lock, and somebody else may lead.
        try await leadership.renew()
        var staying: [ListedBlob] = []
        var isOverQuota = false
        for (one, disposition) in zip(condemned, try await quarantine(condemned)) {
            switch disposition {
            case .quarantined:
                report.quarantined += 1
                report.bytesQuarantined += one.facts.size
            case .busy: staying.append(ListedBlob(key: one.key.text, facts: one.facts))
            case .failed(let reason):
                report.noteFailure(one.key.text, reason)
                staying.append(ListedBlob(key: one.key.text, facts: one.facts))
            case .overQuota: isOverQuota = true
            case .absent, .alive: break
            }
        }
        if isOverQuota { throw BrakeHeld.overQuota }
        if !staying.isEmpty { try await waiting.append(staying) }
        parts.progress(CollectionProgress(.quarantining, done: report.quarantined, total: report.due))
    }
}
