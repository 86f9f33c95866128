import CustodeCore

extension Model: CollectionCatalog {
    func circumstances() async throws(CatalogError) -> Circumstances {
        try await step("circumstances") { state in
            Circumstances(
                isStandby: state.isStandby, rowsMayBeHidden: state.rowsMayBeHidden, clock: state.now,
                uuid: Model.identity.uuid, systemID: Model.identity.systemID, lastSweep: state.lastSweep)
        }
    }

    func lead(_ run: CollectionRun, lease: Duration) async throws(CatalogError) -> (any CollectionLeadership)? {
        let name = Turnstile.name
        let epoch = try await step("lead") { state -> Int64? in
            guard state.leader.holder == nil || state.leader.leaseUntil <= state.now else { return nil }
            state.leader = (state.leader.epoch + 1, state.now + lease, name)
            state.runs[run.id] = state.leader.epoch
            for (id, event) in state.events {
                guard let by = event.claimedBy, (state.runs[by] ?? .max) < state.leader.epoch else { continue }
                state.events[id]?.claimedBy = nil
                state.events[id]?.claimedUntil = nil
            }
            return state.leader.epoch
        }
        return epoch.map { ModelLeadership(model: self, fence: Fence(epoch: $0, lease: lease)) }
    }

    func begin(_ run: CollectionRun) async throws(CatalogError) {}
    func finish(_ run: CollectionRun, _ report: CollectionReport) async throws(CatalogError) {
        try await step("finish") { _ in }
    }

    func condemn(
        _ objects: [Condemned], run: String, fence: Fence?, for claim: Duration
    ) async throws(CatalogError) -> [Judgement] {
        let judged = try await step("condemn") { state -> [Judgement]? in
            guard state.holdsFence(fence) else { return nil }
            if let fence { state.leader.leaseUntil = state.now + fence.lease }
            return objects.map { Self.judge($0, run, claim, &state) }
        }
        guard let judged else { throw .superseded }
        return judged
    }

    private static func judge(
        _ object: Condemned, _ run: String, _ length: Duration, _ state: inout ModelState
    ) -> Judgement {
        let now = state.now
        let jobExists = state.jobs[object.key.job] != nil
        if state.isReferenced(object.key.text) { return Judgement(.alive, jobExists: jobExists) }
        if state.intents.values.contains(where: { $0.key.text == object.key.text && $0.isOpen && $0.leaseUntil > now })
        {
            return Judgement(.intent, jobExists: jobExists)
        }
        let claim = state.item { $0.key == object.key && $0.state == .quarantining }
        if let claim, (claim.value.claimedUntil ?? now) > now { return Judgement(.busy, jobExists: jobExists) }
        if let claim { state.items[claim.key] = nil }
        state.items[state.nextID()] = ModelState.Item(
            key: object.key, state: .quarantining, etag: object.facts.etag, size: object.facts.size, run: run,
            place: object.place, claimedBy: run, claimedUntil: now + length)
        state.audit.append(("quarantine", object.key.text))
        for (id, intent) in state.intents where intent.key.text == object.key.text {
            state.intents[id]?.isOpen = false
            state.intents[id]?.isQueued = true
        }
        return Judgement(.dead, jobExists: jobExists)
    }

    func renewClaims(
        _ places: [TrashPlace], run: String, fence: Fence?, for claim: Duration
    ) async throws(CatalogError) {
        let holds = try await step("renewClaims") { state -> Bool in
            guard state.holdsFence(fence) else { return false }
            let now = state.now
            let held = state.items.filter { _, item in
                item.place.map(places.contains) == true && item.claimedBy == run
                    && [.quarantining, .restoring].contains(item.state) && item.claimedUntil.map { $0 > now } == true
            }
            guard held.count == places.count else { return false }
            if let fence { state.leader.leaseUntil = now + fence.lease }
            for id in held.keys { state.items[id]?.claimedUntil = now + claim }
            return true
        }
        if !holds { throw .superseded }
    }

    func settle(_ endings: [Ending], at moment: Timestamp) async throws(CatalogError) {
        try await step("settle") { state in
            for ending in endings {
                let key = ending.place.key
                let claims = state.items.filter { $0.value.state == .quarantining && $0.value.place == ending.place }
                guard !claims.isEmpty else { continue }
                for id in claims.keys {
                    if ending.outcome == .quarantined {
                        state.items[id]?.state = .quarantined
                        state.items[id]?.quarantinedAt = moment
                        state.items[id]?.claimedUntil = nil
                        state.items[id]?.record = state.objects[key.text]
                    } else {
                        state.items[id] = nil
                    }
                }
                guard ending.outcome != .released else { continue }
                state.items = state.items.filter { $0.value.state != .seen || $0.value.key != key }
                state.objects[key.text] = nil
                state.events = state.events.filter { $0.value.key != key.text }
                state.intents = state.intents.filter { $0.value.key.text != key.text || !$0.value.isQueued }
            }
        }
    }

    func interrupted(fence: Fence?, limit: Int) async throws(CatalogError) -> [Condemned] {
        try await step("interrupted") { state in
            let left = state.items.sorted { $0.key < $1.key }.map(\.value).filter { item in
                item.state == .quarantining
                    && ((item.claimedUntil ?? state.now) < state.now
                        || fence.map { (state.runs[item.run] ?? .max) < $0.epoch } == true)
            }
            return left.prefix(limit).compactMap { item in
                item.place.map {
                    Condemned(
                        facts: BlobFacts(etag: item.etag, size: item.size, modified: state.now),
                        reason: "", place: $0)
                }
            }
        }
    }

    func published(after key: String?, slice: ObjectSlice, limit: Int) async throws(CatalogError) -> [ObjectRecord] {
        []
    }

    func referenced(_ keys: [String]) async throws(CatalogError) -> [Bool] {
        try await step("referenced") { state in keys.map(state.isReferenced) }
    }

    func uploading(_ keys: [String]) async throws(CatalogError) -> [Bool] {
        try await step("uploading") { state in
            keys.map { key in
                state.intents.values.contains { $0.key.text == key && $0.isOpen && $0.leaseUntil > state.now }
            }
        }
    }
}

/// One leadership of the model.
struct ModelLeadership: CollectionLeadership {
    let model: Model
    let fence: Fence

    func renew() async throws(CatalogError) {
        let holds = try await model.step("renew") { $0.holdsFence(fence) }
        if !holds { throw .superseded }
    }

    func knowledge() async throws(CatalogError) -> any KnowledgeReader {
        let facts = try await model.step("knowledge") { state -> [Knowledge] in
            var all = state.references.values.map { Knowledge(key: $0, fact: .reference) }
            all += state.intents.values.filter { $0.isOpen && $0.leaseUntil > state.now }
                .map { Knowledge(key: $0.key.text, fact: .intent) }
            all += state.events.values.filter { !$0.isParked }.map { Knowledge(key: $0.key, fact: .event) }
            all += state.items.values.filter { $0.state == .seen }.compactMap { item in
                item.firstSeen.map {
                    Knowledge(key: item.key.text, fact: .sighting(since: $0, etag: item.etag, size: item.size))
                }
            }
            return all.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        }
        return ModelReader(model: model, facts: facts)
    }

    func memories(of keys: [ObjectKey]) async throws(CatalogError) -> [Memory] {
        try await model.step("memories") { state in
            keys.map { key in
                Memory(
                    jobExists: state.jobs[key.job.text] != nil,
                    isOurs: state.objects[key.text] != nil || state.intents.values.contains { $0.key == key }
                        || state.items.values.contains { $0.key.text == key.text && $0.state != .seen })
            }
        }
    }

    func complete(_ run: CollectionRun, _ report: CollectionReport, seen: any BlobListing) async throws {
        var orphans: [ListedBlob] = []
        while let page = try await seen.next() { orphans += page.blobs }
        let holds = try await model.step("complete") { state in
            guard state.holdsFence(fence) else { return false }
            let before = state.items.filter { $0.value.state == .seen }
            for id in before.keys { state.items[id] = nil }
            for orphan in orphans {
                guard let key = ObjectKey(parsing: orphan.key).map(QuarantinedKey.init) else { continue }
                let counting = report.brake == .firstRun ? [:] : before
                let earlier = counting.values.first {
                    $0.key == key && $0.etag == orphan.facts.etag && $0.size == orphan.facts.size
                }
                state.items[state.nextID()] = ModelState.Item(
                    key: key, state: .seen, etag: orphan.facts.etag, size: orphan.facts.size, run: run.id,
                    firstSeen: min(earlier?.firstSeen ?? run.asOf, run.asOf))
            }
            state.lastSweep = (run.marker ?? "", report.liveReferences)
            return true
        }
        if !holds { throw CatalogError.superseded }
    }

    func resign() async {
        let epoch = fence.epoch
        try? await model.step("resign") { state in
            if state.leader.epoch == epoch { state.leader = (epoch, Timestamp(seconds: 0), nil) }
        }
    }
}

/// Facts of one moment, two at a time.
private actor ModelReader: KnowledgeReader {
    private let model: Model
    private var facts: ArraySlice<Knowledge>

    init(model: Model, facts: [Knowledge]) {
        self.model = model
        self.facts = facts[...]
    }

    func next() async throws(CatalogError) -> [Knowledge] {
        try await model.step("fetch") { _ in }
        let page = Array(facts.prefix(2))
        facts = facts.dropFirst(2)
        return page
    }

    func close() async {}
}
