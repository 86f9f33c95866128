public import CustodeCore
internal import HTTPFetch
internal import NIOCore

extension SupabaseStore: CollectableStore {
    private static let trash = ".trash/"
    private static let markerKey = ".custode/identity.json"
    /// How many objects one request removes at most; more is refused by some projects.
    private static let removedAtOnce = 250

    /// Lists objects in the order of their keys' bytes, 1,000 at a time.
    public func list(_ scope: ListingScope) -> any BlobListing {
        RemoteListing(SupabaseListing(store: self, prefix: scope.prefix), scope: scope)
    }

    /// Moves objects on the service's side, each only if it is still what was expected.
    public func move(
        _ moves: [BlobMove], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobMove.Outcome] {
        await Crowd.run(moves) { move in await SupabaseMove(store: self, move: move, mayGoOn: mayGoOn).run() }
    }

    /// Removes objects below `.trash/` for good.
    public func remove(
        _ keys: [String], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobStoreError?] {
        guard keys.allSatisfy({ $0.utf8.starts(with: Self.trash.utf8) }) else {
            return keys.map { _ in .unavailable("only what lies in \(Self.trash) is removed for good") }
        }
        return await removeForGood(keys, while: mayGoOn)
    }

    /// Removes what is no object, or no longer.
    ///
    /// - Parameter isNeverResent: Whether a removal of which nobody heard is left at that, as it may find what was restored.
    func removeForGood(
        _ keys: [String], while mayGoOn: @escaping @Sendable () -> Bool = { true }, isNeverResent: Bool = false
    ) async -> [BlobStoreError?] {
        var failures: [BlobStoreError?] = []
        var request = SupabaseRequest("DELETE", "/object/\(bucketName)")
        request.mayGoOn = mayGoOn
        (request.isRepeatable, request.isNeverResent) = (!isNeverResent, isNeverResent)
        var rest = keys[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(Self.removedAtOnce))
            rest = rest.dropFirst(batch.count)
            failures += mayGoOn() ? await removeBatch(batch, request) : batch.map { _ in .cancelled }
        }
        return failures
    }

    private func removeBatch(_ keys: [String], _ request: SupabaseRequest) async -> [BlobStoreError?] {
        var request = request
        request.setDocument(SupabaseJSON.Names(prefixes: keys))
        let removed: [SupabaseJSON.Removed]
        do throws(SupabaseError) {
            removed = try await client.document(request, [SupabaseJSON.Removed].self)
        } catch {
            let reason = unavailable(error)
            return keys.map { _ in reason }
        }
        // Success is what the reply tells to be gone; of the rest nothing is said, so it is looked at.
        let told = Set(removed.map(\.name))
        return await Crowd.run(keys) { key in
            guard !told.contains(key) else { return nil }
            do throws(BlobStoreError) {
                // Of a bucket that is not there nothing is removed either.
                guard try await self.find(key) != nil else { return nil }
                return .unavailable(
                    "Supabase Storage answers that it removes, and does not; its policies may be in the way")
            } catch {
                return error
            }
        }
    }

    /// What time it is for the service, to the second.
    public func clock() async throws(BlobStoreError) -> Timestamp {
        let head: FetchHead
        do throws(SupabaseError) {
            head = try await client.head(SupabaseRequest("GET", "/bucket/\(bucketName)"))
        } catch {
            throw unavailable(error)
        }
        guard let now = head["date"].flatMap({ Timestamp(httpDate: $0) }) else {
            throw .unavailable("Supabase Storage does not tell the time")
        }
        return now
    }

    /// The small file that tells whose bucket this is; `nil` if there is none.
    public func marker() async throws(BlobStoreError) -> [UInt8]? {
        do throws(SupabaseError) {
            return try await client.bytes(SupabaseRequest("GET", path("authenticated", Self.markerKey)))
        } catch {
            guard error.meansAbsent, try await find(Self.markerKey) == nil else { throw unavailable(error) }
            return nil
        }
    }

    /// Writes the small file that tells whose bucket this is, in the place of one before.
    public func setMarker(_ bytes: [UInt8]) async throws(BlobStoreError) {
        try await write(.bytes(ByteBuffer(bytes: bytes)), to: Self.markerKey, contentType: "application/json")
    }

    /// Writes what is no upload's object, in the place of what is there.
    func write(_ body: FetchRequestBody, to key: String, contentType: String) async throws(BlobStoreError) {
        guard Self.isAddressable(key) else { throw .unavailable("the name of an object has a step in it") }
        var request = SupabaseRequest("POST", path(nil, key))
        request.headers = [
            ("content-type", contentType), ("cache-control", Self.cacheControl), ("x-upsert", "true"),
        ]
        request.body = body
        do throws(SupabaseError) {
            _ = try await client.document(request, SupabaseJSON.Made.self)
        } catch {
            throw unavailable(error)
        }
    }

    /// No copy of an object is to be kept on the way to a reader.
    static let cacheControl = "private, no-store"
}
