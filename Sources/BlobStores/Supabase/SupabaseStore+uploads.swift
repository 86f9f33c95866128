internal import CustodeCore
internal import HTTPFetch

extension SupabaseStore {
    /// How often a publication is tried, should the service's reply be lost.
    private static let publications = 4

    /// Makes a small object, never over another.
    ///
    /// - Throws: ``BlobStoreError/keyTaken``; ``BlobStoreError/unsettled(_:)``.
    func put(_ whole: SpooledPart, as target: SupabaseTarget) async throws(BlobStoreError) {
        var request = SupabaseRequest("POST", path(nil, target.key))
        request.headers = [
            ("content-type", target.contentType), ("cache-control", Self.cacheControl),
            ("x-metadata", SupabaseJSON.base64(of: target.metadata)),
        ]
        request.body = whole.body
        request.isRepeatable = false
        var isUncertain = false
        for attempt in 1...Self.publications {
            do throws(SupabaseError) {
                // Read, as what stands in the service's way may say 200 too.
                _ = try await client.document(request, SupabaseJSON.Made.self)
                return
            } catch {
                guard error.mayBeDone || error.meansTaken else {
                    throw isUncertain ? .unsettled(error.message) : unavailable(error)
                }
                // After a reply that nobody heard, or one of an attempt that libcurl repeated, what is there counts.
                if try await isPublished(target, size: whole.size) { return }
                isUncertain = isUncertain || !error.meansTaken
                if error.code == SupabaseError.cancelled {
                    throw .unsettled("the uploader gave up while it was published")
                }
                guard attempt < Self.publications else { throw .unsettled(error.message) }
                let pause = Duration.milliseconds(Int(random.bytes(1)[0]) << attempt)
                do { try await retries.pause(pause) } catch _ { throw .unsettled("given up while it was published") }
            }
        }
    }

    /// Whether an upload's object is at its key; `false` if nothing is.
    ///
    /// - Throws: ``BlobStoreError/keyTaken`` if something else is; ``BlobStoreError/unsettled(_:)`` if that cannot be told.
    func isPublished(_ target: SupabaseTarget, size: Int64) async throws(BlobStoreError) -> Bool {
        let found = await uninterrupted {
            await Result.of { () throws(BlobStoreError) in try await self.find(target.key) }
        }
        guard let there = try found.mapError({ BlobStoreError.unsettled("\($0)") }).get() else { return false }
        guard there.nonce == target.nonce, there.size == size else { throw .keyTaken }
        return true
    }
}
