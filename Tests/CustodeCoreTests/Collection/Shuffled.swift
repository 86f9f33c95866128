import CustodeCore

/// A store whose listing is not in the order of keys.
struct Shuffled: CollectableStore {
    let model: Model

    func list(_ scope: ListingScope) -> any BlobListing {
        let facts = BlobFacts(etag: "e", size: 1, modified: Timestamp(seconds: 0))
        return MemoryListing([["users/b", "users/a"].map { ListedBlob(key: $0, facts: facts) }])
    }

    func facts(of keys: [String]) async throws(BlobStoreError) -> [BlobFacts?] { try await model.facts(of: keys) }
    func move(
        _ moves: [BlobMove], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobMove.Outcome] { await model.move(moves, while: mayGoOn) }
    func remove(
        _ keys: [String], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobStoreError?] { await model.remove(keys, while: mayGoOn) }
    func clock() async throws(BlobStoreError) -> Timestamp { try await model.clock() }
    func marker() async throws(BlobStoreError) -> [UInt8]? { nil }
    func setMarker(_ bytes: [UInt8]) async throws(BlobStoreError) {}
    func beginUpload(as key: ObjectKey, contentType: String, expectedSize: Int64?) async throws(BlobStoreError)
        -> any BlobUpload
    {
        throw .noRoom
    }
    func open(_ key: String, reading plan: RangePlan?) async throws(BlobStoreError) -> any OpenBlob { throw .absent }
    func probe() async throws(BlobStoreError) {}
}
