internal import NIOCore

/// Merges a listing with what the database knows, both in the order of keys, and decides what each object is.
///
/// The listing ended before the knowledge's snapshot was taken: what was referred to while an object was listed still is,
/// or was let go of by somebody.
struct SweepPlanner {
    /// How many objects that nothing refers to are asked about at a time.
    private static let batch = 1_000

    let parts: CollectionParts
    /// What is newer is too young to judge.
    let cutoff: Timestamp
    /// Orphans first seen after this must be seen once more; `nil` if nothing that was seen counts.
    let seenBefore: Timestamp?
    let leadership: any CollectionLeadership
    /// Orphans whose time has come.
    let due: any ListingSpool
    /// Orphans that were seen, to be remembered.
    let waiting: any ListingSpool
    var hash: any RunningHash
    let references: ReferenceForms
    var report: CollectionReport
    var volume = SweepVolume()

    private var users = UserTally()
    private var unreferenced: [Unreferenced] = []
    private var unfound: [String] = []

    init(
        parts: CollectionParts, cutoff: Timestamp, seenBefore: Timestamp?, leadership: any CollectionLeadership,
        due: any ListingSpool, waiting: any ListingSpool, hash: any RunningHash, references: ReferenceForms,
        report: CollectionReport
    ) {
        self.parts = parts
        self.cutoff = cutoff
        self.seenBefore = seenBefore
        self.leadership = leadership
        self.due = due
        self.waiting = waiting
        self.hash = hash
        self.references = references
        self.report = report
    }

    /// An object that nothing refers to, until more is known of it.
    private struct Unreferenced {
        let blob: ListedBlob
        let key: ObjectKey
        let since: Timestamp?
        let isInOutbox: Bool
    }

    /// Makes the plan: counts, and the two spools.
    mutating func plan(_ listing: any BlobListing) async throws {
        let cursor = KnowledgeCursor(try await leadership.knowledge())
        do {
            try await merge(listing, cursor)
        } catch {
            await cursor.close()
            throw error
        }
        await cursor.close()
        volume.wholeUsers = users.finish()
        volume.due = report.due
        volume.bytesDue = report.bytesDue
        report.liveReferences = volume.liveReferences
        report.foreign += report.listed - compared
        report.planHash = hash.finish().hex
    }

    private var compared: Int64 = 0

    private mutating func merge(_ listing: any BlobListing, _ cursor: KnowledgeCursor) async throws {
        while let page = try await listing.next() {
            try Task.checkCancellation()
            for blob in page.blobs {
                try await pass(cursor, before: blob.key)
                try await judge(blob, try await take(cursor, of: blob.key))
                compared += 1
            }
            parts.progress(CollectionProgress(.comparing, done: compared, total: report.listed))
        }
        try await pass(cursor, before: nil)
        try await settleUnreferenced()
        try await settleUnfound()
    }

    /// What is known of one key, all of it.
    private struct Known {
        var isReferenced = false
        var isIntended = false
        var isInOutbox = false
        var sighting: (since: Timestamp, etag: String, size: Int64)?
    }

    private mutating func take(_ cursor: KnowledgeCursor, of key: String) async throws -> Known {
        var known = Known()
        while let knowledge = try await cursor.peek(), KeyOrder.relation(knowledge.key, key) == .same {
            cursor.advance()
            switch knowledge.fact {
            case .reference:
                if !known.isReferenced { try note(reference: knowledge.key) }
                known.isReferenced = true
            case .intent: known.isIntended = true
            case .event: known.isInOutbox = true
            case .sighting(let since, let etag, let size): known.sighting = (since, etag, size)
            }
        }
        return known
    }

    /// Passes what is known of keys that were not listed.
    private mutating func pass(_ cursor: KnowledgeCursor, before key: String?) async throws {
        while let knowledge = try await cursor.peek() {
            if let key, KeyOrder.relation(knowledge.key, key) != .before { return }
            let known = try await take(cursor, of: knowledge.key)
            guard known.isReferenced, references.form(of: knowledge.key) == .ours else { continue }
            unfound.append(knowledge.key)
            if unfound.count == Self.batch { try await settleUnfound() }
        }
    }

    private mutating func note(reference: String) throws(BrakeHeld) {
        volume.liveReferences += 1
        guard references.form(of: reference) != .unknown else {
            throw BrakeHeld(
                .reference,
                "a reference is neither of our naming nor of a form in collection.legacy_references: \(reference); mend the "
                    + "row, or add the form to the policy")
        }
    }

    private mutating func judge(_ blob: ListedBlob, _ known: Known) async throws {
        if known.isReferenced {
            report.live += 1
            if let user = UserTally.user(of: blob.key) { count(user) }
            return
        }
        guard let key = ObjectKey(parsing: blob.key) else {
            report.foreign += 1
            return
        }
        if let user = UserTally.user(of: blob.key) { count(user) }
        if known.isIntended {
            report.intent += 1
        } else if blob.facts.modified > cutoff {
            report.young += 1
        } else {
            let sighting = known.sighting.flatMap {
                $0.etag == blob.facts.etag && $0.size == blob.facts.size ? $0.since : nil
            }
            users.deferCurrent()
            unreferenced.append(
                Unreferenced(blob: blob, key: key, since: sighting, isInOutbox: known.isInOutbox))
            if unreferenced.count == Self.batch { try await settleUnreferenced() }
        }
    }

    private mutating func count(_ user: Substring) {
        volume.objects += 1
        users.count(user)
    }

    private mutating func settleUnreferenced() async throws {
        guard !unreferenced.isEmpty else { return }
        let memories = try await leadership.memories(of: unreferenced.map(\.key))
        var dueNow: [ListedBlob] = []
        var later: [ListedBlob] = []
        for (one, memory) in zip(unreferenced, memories) {
            if memory.jobExists {
                report.stray += 1
                // A file in a living job's folder that nobody remembers may be somebody's; it is told, and stays.
                guard memory.isOurs else { continue }
            } else {
                report.orphan += 1
            }
            // What waits in the outbox goes by the outbox, under its own rule.
            guard let seenBefore, let since = one.since, since <= seenBefore, !one.isInOutbox else {
                later.append(one.blob)
                continue
            }
            dueNow.append(one.blob)
            report.due += 1
            report.bytesDue += one.blob.facts.size
            if let user = UserTally.user(of: one.blob.key) { users.condemn(user) }
            hash.update(
                ByteBuffer(string: "\(one.blob.key)\0\(one.blob.facts.etag)\0\(one.blob.facts.size)\n"))
        }
        unreferenced.removeAll(keepingCapacity: true)
        users.settle()
        if !dueNow.isEmpty { try await due.append(dueNow) }
        if !later.isEmpty { try await waiting.append(later) }
    }

    /// References without bytes in the listing may have been published since; only what is not there now is missing.
    private mutating func settleUnfound() async throws {
        guard !unfound.isEmpty else { return }
        for facts in try await parts.store.facts(of: unfound) {
            if facts == nil { report.missing += 1 } else { report.live += 1 }
        }
        unfound.removeAll(keepingCapacity: true)
    }
}
