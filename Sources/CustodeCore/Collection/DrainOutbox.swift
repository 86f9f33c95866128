/// Looks at the objects whose references went, once their delay is over, and quarantines those that nothing refers to.
///
/// An event may be looked at any number of times, by any number of workers: the end is the same.
public struct DrainOutbox: Sendable {
    /// How many batches the worker deals with before it looks whether the service is to stop.
    private static let visit = 10

    private let parts: CollectionParts

    /// A drain over the parts of a deployment.
    public init(_ parts: CollectionParts) { self.parts = parts }

    /// One visit of the service's worker: does what is due, if the world is fit for it.
    ///
    /// - Returns: What it did; `nil` if nothing was due.
    /// - Throws: ``BrakeHeld``, ``CatalogError``, ``BlobStoreError``.
    public func visit() async throws -> CollectionReport? {
        let run = parts.run(.worker)
        try await parts.catalog.lapseIntents()
        let isIdle = try await parts.catalog.outbox(parts.timing(run)).due == 0
        if isIdle, try await parts.catalog.interrupted(fence: nil, limit: 1).isEmpty { return nil }
        let world = try await Preflight(parts: parts).check(isDry: false)
        var report = CollectionReport(runID: run.id)
        var marked = run
        marked.marker = world.mark
        try await parts.catalog.begin(marked)
        try await callAsFunction(run, leadership: nil, &report, batches: Self.visit)
        report.verdict = .done
        try await parts.catalog.finish(run, report)
        return report
    }

    /// Drains until nothing is due, or for so many batches.
    func callAsFunction(
        _ run: CollectionRun, leadership: (any CollectionLeadership)?, _ report: inout CollectionReport,
        batches: Int = .max
    ) async throws {
        let quarantine = Quarantine(parts: parts, run: run, fence: leadership?.fence)
        try await quarantine.recover(&report)
        try await parts.catalog.lapseIntents()
        for _ in 0..<batches {
            try Task.checkCancellation()
            try await leadership?.renew()
            let events = try await parts.catalog.claimEvents(
                parts.timing(run), run: run.id, limit: Quarantine.batch, for: quarantine.claimLength)
            guard !events.isEmpty else { return }
            try await deal(with: events, quarantine, &report)
            parts.progress(CollectionProgress(.quarantining, done: report.quarantined))
        }
    }

    private func deal(
        with events: [OutboxEvent], _ quarantine: Quarantine, _ report: inout CollectionReport
    ) async throws {
        var answered: [Int64] = []
        // Several events may tell of one key; it is looked at once.
        var wanted: [QuarantinedKey: (reason: String, events: [Int64])] = [:]
        for event in events {
            // What is not of our naming is never touched.
            guard let key = ObjectKey(parsing: event.key) else {
                answered.append(event.id)
                continue
            }
            wanted[QuarantinedKey(key), default: (event.reason, [])].events.append(event.id)
        }
        let keys = wanted.keys.sorted { $0.text < $1.text }
        let facts = try await parts.store.facts(of: keys.map(\.text))
        var absent: [String] = []
        var batch: [Condemned] = []
        for (key, facts) in zip(keys, facts) {
            guard let facts else {
                absent.append(key.text)
                answered += wanted[key]?.events ?? []
                continue
            }
            batch.append(
                Condemned(
                    facts: facts, reason: wanted[key]?.reason ?? "",
                    place: TrashPlace(of: key, run: quarantine.run.id, on: quarantine.run.asOf)))
        }
        if !absent.isEmpty { try await parts.catalog.forgetAbsent(absent) }
        var failures: [EventFailure] = []
        var released: [Int64] = []
        var isOverQuota = false
        for (condemned, disposition) in zip(batch, try await quarantine(batch)) {
            let ids = wanted[condemned.key]?.events ?? []
            switch disposition {
            case .quarantined:
                report.quarantined += 1
                report.bytesQuarantined += condemned.facts.size
                answered += ids
            case .absent, .alive: answered += ids
            case .busy: released += ids
            case .overQuota:
                isOverQuota = true
                released += ids
            case .failed(let reason):
                report.noteFailure(condemned.key.text, reason)
                failures += ids.map { EventFailure(id: $0, reason: reason) }
            }
        }
        if !answered.isEmpty { try await parts.catalog.dropEvents(answered) }
        if !released.isEmpty { try await parts.catalog.releaseEvents(released) }
        if !failures.isEmpty { try await parts.catalog.noteFailures(failures) }
        if isOverQuota { throw BrakeHeld.overQuota }
    }
}
