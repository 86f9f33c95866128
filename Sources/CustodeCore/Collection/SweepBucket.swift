/// Compares the whole bucket with the whole database, and quarantines what nothing refers to.
///
/// An object goes only if two complete runs saw it as an orphan, far enough apart, if it is older than the grace, and
/// if a last look under its job's lock says the same. Any error of the database or the listing means that nothing goes.
/// Memory is flat in the number of objects.
public struct SweepBucket: Sendable {
    let parts: CollectionParts
    let hashing: any Hashing
    let leaderLease: Duration
    let makeSpool: @Sendable () throws(BlobStoreError) -> any ListingSpool

    /// A sweep over the parts of a deployment.
    ///
    /// - Parameter makeSpool: Places for what memory should not hold; one run takes three.
    public init(
        _ parts: CollectionParts, hashing: any Hashing, leaderLease: Duration,
        makeSpool: @escaping @Sendable () throws(BlobStoreError) -> any ListingSpool
    ) {
        self.parts = parts
        self.hashing = hashing
        self.leaderLease = leaderLease
        self.makeSpool = makeSpool
    }

    /// What an operator may ask for.
    public struct Options: Sendable {
        /// Finds out, and changes nothing.
        public var isDry = false
        /// Drains the outbox and does nothing else.
        public var outboxOnly = false
        /// The hash of the plan whose volume is right all the same.
        public var override: String?
        /// The moment that counts as now.
        public var asOf: Timestamp?
        /// The age below which nothing is touched; the policy's if `nil`.
        public var grace: Duration?

        /// A usual run.
        public init() {}
    }

    /// Runs once; whatever happens is told by the report.
    public func callAsFunction(_ options: Options) async -> CollectionReport {
        let begun = parts.clock.now()
        var run = parts.run(options.outboxOnly ? .outbox : .sweep, asOf: options.asOf, isDry: options.isDry)
        var report = CollectionReport(runID: run.id)
        var isRecorded = false
        do {
            let world = try await Preflight(parts: parts).check(isDry: options.isDry)
            run.marker = world.mark
            guard let leadership = try await parts.catalog.lead(run, lease: leaderLease) else {
                throw BrakeHeld(.leader, "another collection run is under way; this one does nothing")
            }
            do {
                try await leading(leadership) {
                    if options.outboxOnly {
                        report = try await drain(run, options, leadership, report)
                    } else {
                        report = try await sweep(run, options, world, leadership, report, begun, &isRecorded)
                    }
                }
                await leadership.resign()
            } catch {
                await leadership.resign()
                throw error
            }
        } catch {
            Self.note(error, &report)
        }
        report.seconds = Double(parts.clock.now().microseconds - begun.microseconds) / 1_000_000
        return await concluding(run, report, isRecorded: isRecorded)
    }

    /// Does the work while a sign of life is given every third of a lease.
    ///
    /// Each step that acts proves the leadership itself; the signs only keep it through the long ones that do not.
    private func leading(_ leadership: any CollectionLeadership, _ work: () async throws -> Void) async throws {
        async let _ = giveSigns(leadership)
        try await work()
    }

    private func giveSigns(_ leadership: any CollectionLeadership) async throws {
        while !Task.isCancelled {
            try await parts.pause(leadership.fence.lease / 3)
            try await leadership.renew()
        }
    }

    private func drain(
        _ run: CollectionRun, _ options: Options, _ leadership: any CollectionLeadership, _ report: CollectionReport
    ) async throws -> CollectionReport {
        var report = report
        if options.isDry {
            report.verdict = .dry
            return report
        }
        try await DrainOutbox(parts)(run, leadership: leadership, &report)
        Self.conclude(&report)
        return report
    }

    /// What could not be moved makes a run a failed one.
    private static func conclude(_ report: inout CollectionReport) {
        report.verdict = report.failed == 0 ? .done : .failed
        if report.failed > 0 {
            report.detail = "\(report.failed) objects could not be moved or removed, such as \(report.failure ?? "")"
        }
    }

    private func sweep(
        _ run: CollectionRun, _ options: Options, _ world: Preflight.World, _ leadership: any CollectionLeadership,
        _ initial: CollectionReport, _ begun: Timestamp, _ isRecorded: inout Bool
    ) async throws -> CollectionReport {
        var report = initial
        let last = world.circumstances.lastSweep.flatMap { $0.marker == world.mark ? $0.liveReferences : nil }
        // What was seen in another bucket, or in this one when it was another's, does not count.
        let seenBefore = last.map { _ in run.asOf + (.zero - parts.policy.runsApart) }
        let cutoff = run.asOf + world.bucketAhead + (.zero - (options.grace ?? parts.policy.grace))
        let listing = try makeSpool()
        report.listed = try await list(into: listing)
        var planner = SweepPlanner(
            parts: parts, cutoff: cutoff, seenBefore: seenBefore, leadership: leadership,
            due: try makeSpool(), waiting: try makeSpool(), hash: hashing.begin(),
            references: try ReferenceForms(legacy: parts.policy.legacyReferences), report: report)
        try await planner.plan(try await listing.read())
        report = planner.report
        var volume = planner.volume
        volume.lastLiveReferences = last
        if let held = parts.policy.brakes.held(by: volume), options.override != report.planHash {
            throw Blocked(held: held, report: report)
        }
        if last == nil || options.isDry {
            report.verdict = .dry
            if last == nil {
                report.brake = .firstRun
                report.detail = "the first complete run on a bucket removes nothing; the next may"
            }
            guard !options.isDry else { return report }
        } else {
            let acting = SweepActing(
                parts: parts, run: run, leadership: leadership, begun: begun, bucketAhead: world.bucketAhead,
                due: planner.due,
                waiting: planner.waiting)
            do {
                try await acting(&report)
            } catch {
                throw Interrupted(cause: error, report: report)
            }
            Self.conclude(&report)
            // A failed run advances nothing.
            guard report.failed == 0 else { return report }
        }
        report.seconds = Double(parts.clock.now().microseconds - begun.microseconds) / 1_000_000
        try await leadership.complete(run, report, seen: try await planner.waiting.read())
        isRecorded = true
        return report
    }

    /// Lists the bucket, which is checked for its order, before anything is asked of the database.
    private func list(into spool: any ListingSpool) async throws -> Int64 {
        var listed: Int64 = 0
        let listing = parts.store.list(ListingScope(excluding: [TrashPlace.root, ".custode/"]))
        var last: String?
        while let page = try await Self.next(of: listing) {
            try Task.checkCancellation()
            for blob in page.blobs {
                if let last, KeyOrder.relation(last, blob.key) != .before {
                    throw BrakeHeld(
                        .listing, "the bucket lists its objects out of order; nothing can be concluded from that")
                }
                last = blob.key
            }
            try await spool.append(page.blobs)
            listed += Int64(page.blobs.count + page.unreadable)
            parts.progress(CollectionProgress(.listing, done: listed))
        }
        return listed
    }

    private static func next(of listing: any BlobListing) async throws(BrakeHeld) -> ListingPage? {
        do throws(BlobStoreError) {
            return try await listing.next()
        } catch {
            throw BrakeHeld(.listing, "the bucket could not be listed to its end: \(error); see custode check")
        }
    }

    /// A brake that held after the plan was made, which is told with it.
    private struct Blocked: Error {
        let held: BrakeHeld
        let report: CollectionReport
    }

    /// A run that ended while it acted, with what it had done by then.
    private struct Interrupted: Error {
        let cause: any Error
        let report: CollectionReport
    }

    private static func note(_ error: any Error, _ report: inout CollectionReport) {
        report.verdict = .failed
        switch error {
        case let blocked as Blocked:
            report = blocked.report
            note(blocked.held, &report)
        case let interrupted as Interrupted:
            report = interrupted.report
            note(interrupted.cause, &report)
        case let held as BrakeHeld:
            report.verdict = .blocked
            report.brake = held.brake
            report.detail = held.sentence
        case CatalogError.superseded:
            report.detail =
                "this run gave no sign of life for too long and lost its leadership; it stopped where it was"
        case is CancellationError, CatalogError.cancelled, BlobStoreError.cancelled:
            report.detail = "interrupted; nothing is half done, run it again"
        case CatalogError.unavailable(let text), CatalogError.failed(let text):
            report.detail = "the database did not answer as it should, so nothing more was removed: \(text)"
        case BlobStoreError.unavailable(let text), BlobStoreError.unsettled(let text):
            report.detail = "\(text); nothing more was removed"
        default: report.detail = "\(error)"
        }
    }

    /// Records the end, as well as can be: the run may have been cancelled, or the database away.
    private func concluding(_ run: CollectionRun, _ report: CollectionReport, isRecorded: Bool) async
        -> CollectionReport
    {
        let parts = parts
        return await Task {
            var report = report
            if let state = try? await parts.catalog.outbox(parts.timing(run)) {
                report.outboxPending = state.pending
                report.parked = state.parked
            }
            if !isRecorded, report.brake != .leader { try? await parts.catalog.finish(run, report) }
            return report
        }.value
    }
}
