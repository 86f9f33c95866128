import CustodeCore
import NIOCore

extension Model: CollectableStore {
    func beginUpload(as key: ObjectKey, contentType: String, expectedSize: Int64?) async throws(BlobStoreError)
        -> any BlobUpload
    {
        throw .noRoom
    }

    func open(_ key: String, reading plan: RangePlan?) async throws(BlobStoreError) -> any OpenBlob {
        guard let blob = with({ $0.bucket[key] }) else { throw .absent }
        return FakeBlob(bytes: Array("\(blob.content)".utf8))
    }

    func probe() async throws(BlobStoreError) {}

    func list(_ scope: ListingScope) -> any BlobListing { ModelListing(self, scope) }

    func facts(of keys: [String]) async throws(BlobStoreError) -> [BlobFacts?] {
        try await storeStep("facts") { state in keys.map { state.bucket[$0]?.facts } }
    }

    func move(_ moves: [BlobMove], while mayGoOn: @escaping @Sendable () -> Bool) async -> [BlobMove.Outcome] {
        var outcomes: [BlobMove.Outcome] = []
        for move in moves {
            do throws(BlobStoreError) {
                guard mayGoOn() else { throw .cancelled }
                if let moving = with(\.moving) {
                    await moving()
                    guard mayGoOn() else { throw .cancelled }
                }
                outcomes.append(try await storeStep("move") { Self.move(move, &$0) })
            } catch {
                outcomes.append(.failed(error))
            }
        }
        return outcomes
    }

    private static func move(_ move: BlobMove, _ state: inout ModelState) -> BlobMove.Outcome {
        guard var blob = state.bucket[move.from] else {
            guard let there = state.bucket[move.to] else { return .absent }
            return there.facts.size == move.expected.size ? .moved : .changed
        }
        guard blob.facts.etag == move.expected.etag, state.bucket[move.to] == nil else { return .changed }
        if move.renewsAge { blob.modified = state.now }
        state.bucket[move.from] = nil
        state.bucket[move.to] = blob
        state.mutations += 1
        return .moved
    }

    func remove(_ keys: [String], while mayGoOn: @escaping @Sendable () -> Bool) async -> [BlobStoreError?] {
        var failures: [BlobStoreError?] = []
        for key in keys {
            do throws(BlobStoreError) {
                guard mayGoOn() else { throw .cancelled }
                try await storeStep("remove") { state in
                    if let blob = state.bucket.removeValue(forKey: key) { state.purged.insert(blob.content) }
                    state.mutations += 1
                }
                failures.append(nil)
            } catch {
                failures.append(error)
            }
        }
        return failures
    }

    func clock() async throws(BlobStoreError) -> Timestamp { try await storeStep("clock", \.now) }
    func marker() async throws(BlobStoreError) -> [UInt8]? { nil }
    func setMarker(_ bytes: [UInt8]) async throws(BlobStoreError) {}
}

/// A listing of the model in pages of three, each read when it is asked for.
private actor ModelListing: BlobListing {
    private let model: Model
    private let scope: ListingScope
    private var last: String?

    init(_ model: Model, _ scope: ListingScope) {
        self.model = model
        self.scope = scope
    }

    func next() async throws(BlobStoreError) -> ListingPage? {
        let (last, scope) = (last, scope)
        let page = try await model.storeStep("list") { state in
            state.bucket.filter { key, _ in
                key.hasPrefix(scope.prefix) && !scope.excluded.contains(where: key.hasPrefix)
                    && last.map { $0.utf8.lexicographicallyPrecedes(key.utf8) } != false
            }
            .sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.prefix(3)
            .map { ListedBlob(key: $0.key, facts: $0.value.facts) }
        }
        self.last = page.last?.key
        return page.isEmpty ? nil : ListingPage(blobs: page)
    }
}
