public import CustodeCore
internal import HTTPFetch
internal import NIOCore

extension SupabaseStore: InspectableStore {
    /// Tries out the clock, what the key may do, and that nobody else may read.
    public func inspect() async -> [StoreFinding] {
        let bucket: SupabaseJSON.Bucket
        do throws(BlobStoreError) {
            bucket = try await self.bucket()
        } catch {
            return [StoreFinding("bucket", isGood: false, error.description)]
        }
        return [
            StoreFinding("bucket", isGood: true, "\(configuration.bucket) at \(configuration.url)"),
            Self.inspectLimits(bucket), await inspectClock(against: clockSource), await inspectPermissions(),
            await inspectPrivacy(bucket),
        ]
    }

    private static func inspectLimits(_ bucket: SupabaseJSON.Bucket) -> StoreFinding {
        if let types = bucket.types, !types.isEmpty {
            return StoreFinding(
                "bucket limits", isGood: false,
                "it takes no types but \(types.joined(separator: ", ")), while what comes in is judged here; take "
                    + "allowed_mime_types off the bucket")
        }
        let most = bucket.sizeLimit.map { "objects of at most \($0) bytes; the policy's limits must not be above that" }
        return StoreFinding("bucket limits", isGood: true, "any type, \(most ?? "any size that the project takes")")
    }

    /// Does once what the service does all day.
    private func inspectPermissions() async -> StoreFinding {
        let (key, moved) = (probeKey(), probeKey())
        var step = "write"
        do throws(BlobStoreError) {
            try await write(.bytes(ByteBuffer(string: "probe")), to: key, contentType: "text/plain")
            step = "read"
            guard let found = try await find(key), try await open(key, reading: .whole).size == found.size else {
                throw .unavailable("what was written is not there")
            }
            step = "list"
            guard try await list(ListingScope(prefix: key)).next() != nil else {
                throw .unavailable("what was written is not listed; the bucket's policies may hide it from this key")
            }
            step = "move"
            let move = BlobMove(from: key, to: moved, expected: found.facts)
            switch await SupabaseMove(store: self, move: move, mayGoOn: { true }).run() {
            case .moved: break
            case .failed(let error): throw error
            case .absent, .changed: throw .unavailable("what was written is not what was to be moved")
            }
            step = "remove"
            for failure in await removeForGood([moved]) { if let failure { throw failure } }
        } catch {
            _ = await uninterrupted { await self.removeForGood([key, moved]) }
            return StoreFinding("bucket permissions", isGood: false, "cannot \(step): \(error)")
        }
        return StoreFinding("bucket permissions", isGood: true, "reads, writes, moves, lists and removes")
    }

    /// Looks at the bucket as anybody may.
    private func inspectPrivacy(_ bucket: SupabaseJSON.Bucket) async -> StoreFinding {
        guard bucket.isPublic else {
            return StoreFinding(
                "bucket privacy", isGood: true,
                "private; policies/bucket/supabase.sql keeps it so for users of the project as well")
        }
        return StoreFinding("bucket privacy", isGood: false, Self.publicBucket)
    }

    static let publicBucket =
        "the bucket is public: whoever knows a name reads the object; make it private in the dashboard, or give another"

    /// A key for an object that tries something out.
    private func probeKey() -> String { ".custode/probes/" + Hex.encode(random.bytes(8)) }
}

extension SupabaseStore: PreparedStore {
    /// Makes the bucket, private, if there is none.
    ///
    /// - Throws: ``UnfitBucket`` if it is public.
    public func prepare() async throws {
        let found: SupabaseJSON.Bucket
        do throws(SupabaseError) {
            found = try await client.document(
                SupabaseRequest("GET", "/bucket/\(bucketName)"), SupabaseJSON.Bucket.self)
        } catch {
            guard error.code == "NoSuchBucket" else { throw unavailable(error) }
            try await make()
            found = try await bucket()
        }
        if found.isPublic { throw UnfitBucket(Self.publicBucket) }
    }

    private func make() async throws(BlobStoreError) {
        let name = configuration.bucket
        do throws(SupabaseError) {
            try await client.head(
                SupabaseRequest("POST", "/bucket", json: SupabaseJSON.NewBucket(id: name, name: name)))
        } catch {
            // Another replica may have been quicker.
            guard error.status == 409 || error.mayBeDone else { throw unavailable(error) }
        }
    }
}
