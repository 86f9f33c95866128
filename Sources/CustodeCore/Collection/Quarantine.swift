/// Takes objects out of their places, a batch at a time.
///
/// The order is: the last look under the jobs' locks, with a claim and an audit row for what is dead; the move, each
/// object only if it is still what was listed; the record of it. A crash between any two leaves the bytes in at least
/// one place and a claim that tells of them.
struct Quarantine {
    /// How many objects go at a time; each costs the database two locks.
    static let batch = 500

    let parts: CollectionParts
    let run: CollectionRun
    let fence: Fence?

    /// How long a claim holds without a sign of life; without a leadership as long as one would.
    var claimLength: Duration { fence?.lease ?? parts.policy.leaderLease }

    /// What became of one object.
    enum Disposition: Equatable {
        case quarantined
        /// It is nowhere.
        case absent
        /// Something refers to it, or may soon.
        case alive
        /// Somebody else is at it.
        case busy
        /// It is in its place, and the store failed or it is not what was listed.
        case failed(String)
        /// It is in its place, and the store does nothing more for us.
        case overQuota
    }

    /// - Throws: ``CatalogError``; what was moved before is told by the claims.
    func callAsFunction(_ batch: [Condemned]) async throws(CatalogError) -> [Disposition] {
        guard !batch.isEmpty else { return [] }
        let asked = parts.clock.now()
        let judgements = try await parts.catalog.condemn(batch, run: run.id, fence: fence, for: claimLength)
        let claim = parts.claim(since: asked, for: claimLength)
        guard claim.holds else { throw .superseded }
        var moves: [BlobMove] = []
        var places: [Int] = []
        for (index, (condemned, judgement)) in zip(batch, judgements).enumerated() where judgement.verdict == .dead {
            var move = BlobMove(from: condemned.key.text, to: condemned.place.text, expected: condemned.facts)
            move.prunesFolders = !judgement.jobExists
            moves.append(move)
            places.append(index)
        }
        let outcomes = await keeping(claim, on: places.map { batch[$0].place }, during: moves)
        var dispositions = judgements.map { $0.verdict == .busy ? Disposition.busy : .alive }
        var endings: [Ending] = []
        // One that finds no room fails alone; a store that refuses every one does nothing more for us.
        let isOverQuota = outcomes.count > 1 && outcomes.allSatisfy { $0 == .failed(.noRoom) }
        for (place, outcome) in zip(places, outcomes) {
            if isOverQuota {
                dispositions[place] = .overQuota
                endings.append(Ending(place: batch[place].place, outcome: .released))
                continue
            }
            let (disposition, ending) = await Self.ending(outcome, batch[place], parts.store)
            dispositions[place] = disposition
            if let ending { endings.append(Ending(place: batch[place].place, outcome: ending)) }
        }
        if !endings.isEmpty { try await parts.catalog.settle(endings, at: run.asOf) }
        return dispositions
    }

    /// Moves objects, however long the store takes for it, as long as they are ours to move.
    private func keeping(
        _ claim: Claim, on places: [TrashPlace], during moves: [BlobMove]
    ) async -> [BlobMove.Outcome] {
        guard !moves.isEmpty else { return [] }
        let (parts, run, fence, length) = (parts, run.id, fence, claimLength)
        return await claim.keeping { () throws(CatalogError) in
            try await parts.catalog.renewClaims(places, run: run, fence: fence, for: length)
        } during: {
            await parts.store.move(moves) { claim.holds }
        }
    }

    private static func ending(
        _ outcome: BlobMove.Outcome, _ condemned: Condemned, _ store: any CollectableStore
    ) async -> (Disposition, Ending.Outcome?) {
        switch outcome {
        case .moved: return (.quarantined, .quarantined)
        case .absent: return (.absent, .absent)
        case .changed:
            return (.failed("it is no longer what was listed, or its place in quarantine is taken"), .released)
        case .failed(.cancelled):
            // Not removed from its place, since the claim was lost; if the leadership was as well, the next step finds
            // out.
            return (.busy, .released)
        case .failed(let error):
            // Where it is decides whether the claim may go; if that cannot be told, the claim tells of it later.
            let isInPlace = (try? await store.facts(of: [condemned.key.text]))?.first.flatMap { $0 } != nil
            return (.failed("\(error)"), isInPlace ? .released : nil)
        }
    }

    /// Finishes what runs before this one claimed and did not settle.
    ///
    /// What was moved is recorded; what was not is judged anew.
    func recover(_ report: inout CollectionReport) async throws {
        while true {
            let left = try await parts.catalog.interrupted(fence: fence, limit: Self.batch)
            guard !left.isEmpty else { return }
            let here = try await parts.store.facts(of: left.map(\.key.text))
            let there = try await parts.store.facts(of: left.map(\.place.text))
            var endings: [Ending] = []
            for (index, one) in left.enumerated() {
                switch (here[index], there[index]) {
                case (nil, _?):
                    endings.append(Ending(place: one.place, outcome: .quarantined))
                    report.quarantined += 1
                    report.bytesQuarantined += one.facts.size
                case (nil, nil): endings.append(Ending(place: one.place, outcome: .absent))
                // In its place: nothing has happened to it, and its events or the next sweep will ask again.
                case (_?, _): endings.append(Ending(place: one.place, outcome: .released))
                }
            }
            try await parts.catalog.settle(endings, at: run.asOf)
            if left.count < Self.batch { return }
        }
    }
}
