import CustodeCore

extension Model {
    func lapseIntents() async throws(CatalogError) {
        try await step("lapse") { state in
            for (id, intent) in state.intents.sorted(by: { $0.key < $1.key }) where !intent.isQueued {
                guard !intent.isOpen || intent.leaseUntil < state.now else { continue }
                state.intents[id]?.isOpen = false
                state.intents[id]?.isQueued = true
                state.events[state.nextID()] = ModelState.Event(key: intent.key.text, reviewAfter: state.now)
            }
        }
    }

    private static func isDue(_ event: ModelState.Event, _ timing: OutboxTiming, _ now: Timestamp) -> Bool {
        let claimed = event.claimedUntil.map { $0 >= now } ?? false
        let due = event.attempts == 0 ? event.reviewAfter + timing.delay : event.reviewAfter
        return !event.isParked && !claimed && due <= timing.asOf
    }

    func outbox(_ timing: OutboxTiming) async throws(CatalogError) -> OutboxState {
        try await step("outbox") { state in
            let due = state.events.values.filter { Self.isDue($0, timing, state.now) }.count
            return OutboxState(due: Int64(due), pending: Int64(state.events.count))
        }
    }

    func claimEvents(
        _ timing: OutboxTiming, run: String, limit: Int, for claim: Duration
    ) async throws(CatalogError) -> [OutboxEvent] {
        try await step("claim") { state in
            let due = state.events.filter { Self.isDue($0.value, timing, state.now) }.keys.sorted().prefix(3)
            return due.compactMap { id in
                state.events[id]?.claimedBy = run
                state.events[id]?.claimedUntil = state.now + claim
                return state.events[id].map { OutboxEvent(id: id, key: $0.key, reason: "model") }
            }
        }
    }

    func dropEvents(_ ids: [Int64]) async throws(CatalogError) {
        try await step("drop") { state in for id in ids { state.events[id] = nil } }
    }

    func releaseEvents(_ ids: [Int64]) async throws(CatalogError) {
        try await step("release") { state in
            for id in ids { state.events[id]?.claimedUntil = state.now + .seconds(2) }
        }
    }

    func noteFailures(_ failures: [EventFailure]) async throws(CatalogError) {
        try await step("fail") { state in
            for failure in failures {
                state.events[failure.id]?.attempts += 1
                state.events[failure.id]?.claimedUntil = nil
                state.events[failure.id]?.reviewAfter = state.now + .seconds(300)
            }
        }
    }

    func forgetAbsent(_ keys: [String]) async throws(CatalogError) {
        try await step("forgetAbsent") { state in
            for key in keys where !state.isReferenced(key) {
                let isClaimed = state.items.values.contains { $0.key.text == key && $0.state == .quarantining }
                if !isClaimed { state.objects[key] = nil }
            }
        }
    }

    func quarantined(_ places: [TrashPlace]) async throws(CatalogError) -> [Timestamp?] {
        try await step("quarantined") { state in
            places.map { place in state.items.values.first { $0.place == place }?.quarantinedAt }
        }
    }

    func trash(before moment: Timestamp, limit: Int) async throws(CatalogError) -> [TrashPlace] {
        try await step("trash") { state in
            state.items.values.filter { [.quarantined, .purging].contains($0.state) }
                .filter { ($0.quarantinedAt ?? moment) <= moment }.compactMap(\.place).sorted { $0.text < $1.text }
        }
    }

    func condemnTrash(_ places: [TrashPlace], run: String, fence: Fence?) async throws(CatalogError) -> [Bool] {
        let judged = try await step("condemnTrash") { state -> [Bool]? in
            guard state.holdsFence(fence) else { return nil }
            if let fence { state.leader.leaseUntil = state.now + fence.lease }
            return places.map { place in
                let item = state.item { $0.place == place }
                if state.isReferenced(place.key.text) { return false }
                if let item, item.value.state == .restoring, (item.value.claimedUntil ?? state.now) > state.now {
                    return false
                }
                if let item {
                    state.items[item.key]?.state = .purging
                    state.items[item.key]?.claimedUntil = state.now + .seconds(60)
                }
                state.audit.append(("purge", place.key.text))
                return true
            }
        }
        guard let judged else { throw .superseded }
        return judged
    }

    func forgetTrash(_ places: [TrashPlace]) async throws(CatalogError) {
        try await step("forgetTrash") { state in
            state.items = state.items.filter { _, item in
                !(item.place.map(places.contains) ?? false) || ![.quarantined, .purging].contains(item.state)
            }
        }
    }

    func newestTrash(of key: String) async throws(CatalogError) -> TrashPlace? {
        try await step("newestTrash") { state in
            state.items.filter {
                $0.value.key.text == key && $0.value.state != .seen && $0.value.state != .quarantining
            }
            .max {
                ($0.value.quarantinedAt ?? state.now, $0.key) < ($1.value.quarantinedAt ?? state.now, $1.key)
            }?.value.place
        }
    }

    func beginRestore(
        _ places: [TrashPlace], run: String, for claim: Duration
    ) async throws(CatalogError) -> [RestoreVerdict] {
        try await step("beginRestore") { state in
            places.map { Self.judgeRestore($0, run, claim, &state) }
        }
    }

    private static func judgeRestore(
        _ place: TrashPlace, _ run: String, _ length: Duration, _ state: inout ModelState
    ) -> RestoreVerdict {
        let (now, key) = (state.now, place.key)
        if state.intents.values.contains(where: { $0.key.text == key.text && $0.isOpen && $0.leaseUntil > now }) {
            return .intent
        }
        let isBusy = state.items.values.contains { item in
            item.key == key && [.quarantining, .restoring, .purging].contains(item.state)
                && (item.place == place || item.state != .purging) && item.claimedUntil.map { $0 > now } == true
        }
        if isBusy { return .busy }
        let id = state.item { $0.place == place }?.key ?? state.nextID()
        var item =
            state.items[id]
            ?? ModelState.Item(key: key, state: .restoring, etag: "", size: 0, run: run, place: place)
        (item.state, item.claimedBy, item.claimedUntil) = (.restoring, run, now + length)
        state.items[id] = item
        state.audit.append(("restore", key.text))
        for (id, intent) in state.intents where intent.key.text == key.text && intent.isOpen {
            state.intents[id]?.isOpen = false
            state.intents[id]?.isQueued = true
        }
        return .claimed
    }

    func endRestore(_ endings: [RestoreEnding]) async throws(CatalogError) {
        try await step("endRestore") { state in
            for ending in endings {
                guard let (id, item) = state.item(where: { $0.place == ending.place }) else { continue }
                if ending.isBack {
                    if let record = item.record { state.objects[item.key.text] = record }
                    state.items[id] = nil
                    state.items = state.items.filter { $0.value.key != item.key || $0.value.state != .seen }
                } else if item.state == .restoring, item.quarantinedAt == nil {
                    state.items[id] = nil
                } else if item.state == .restoring {
                    state.items[id]?.state = .quarantined
                    state.items[id]?.claimedUntil = nil
                }
            }
        }
    }
}
