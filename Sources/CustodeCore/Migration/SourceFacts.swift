/// Looks at the sources of rewrites, wherever they lie.
struct SourceFacts {
    private let parts: MigrationParts

    init(_ parts: MigrationParts) { self.parts = parts }

    /// What is known of files now, in the order of the places; `nil` where there is none.
    func find(_ places: [LegacyPlace]) async throws(BlobStoreError) -> [BlobFacts?] {
        var found = [BlobFacts?](repeating: nil, count: places.count)
        for inBucket in [true, false] {
            let indices = places.indices.filter { places[$0].isObject == inBucket }
            guard !indices.isEmpty else { continue }
            let store = inBucket ? parts.bucket : parts.files
            let facts = try await store.facts(of: indices.map { parts.locate(places[$0]).key })
            for (index, facts) in zip(indices, facts) { found[index] = facts }
        }
        return found
    }

    /// Whether a file is what was copied: by its tag or, where it was moved meanwhile, by its bytes.
    func isIntact(_ rewrite: RecordedRewrite, _ facts: BlobFacts) async throws -> Bool {
        let copied = rewrite.rewrite.facts
        guard facts.size == copied.size else { return false }
        if facts.etag == copied.etag { return true }
        let (store, key) = parts.locate(rewrite.rewrite.source)
        var hash = parts.hashing.begin()
        do {
            let blob = try await store.open(key, reading: .whole)
            guard blob.size == copied.size else { return false }
            if blob.size > 0 {
                for try await piece in blob.read(ByteRange(first: 0, last: blob.size - 1)) { hash.update(piece) }
            }
        } catch BlobStoreError.absent {
            return false
        }
        return hash.finish() == rewrite.sha256
    }
}
