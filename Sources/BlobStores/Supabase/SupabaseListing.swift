internal import CustodeCore

/// A bucket's listing in pages (`list-v2`).
struct SupabaseListing: ListingPages {
    private static let pageSize = 1_000

    let store: SupabaseStore
    let prefix: String

    // Cursors are the service's own.
    var canJump: Bool { false }

    func fetch(token: String?, startAfter: String?) async throws(BlobStoreError) -> [UInt8] {
        // Of a bucket that is not there, or that the key may not see, the service lists nothing, and says no more.
        if token == nil { try await store.bucket() }
        let wish = SupabaseJSON.PageWish(prefix: prefix, limit: Self.pageSize, cursor: token)
        do throws(SupabaseError) {
            return try await store.client.bytes(
                SupabaseRequest("POST", "/object/list-v2/\(store.bucketName)", json: wish))
        } catch {
            throw store.unavailable(error)
        }
    }

    func read(_ bytes: [UInt8]) throws(BlobStoreError) -> RemoteListing.Page {
        guard let told = try? SupabaseJSON.read(SupabaseJSON.Page.self, bytes) else {
            throw .unavailable("Supabase Storage answers a listing with something else, or with half of it")
        }
        var page = RemoteListing.Page(token: told.nextCursor, isTruncated: told.hasNext)
        page.blobs.reserveCapacity(told.objects.count)
        // Some versions take characters of a prefix for a pattern.
        for entry in told.objects where entry.name.utf8.starts(with: prefix.utf8) {
            guard let etag = entry.metadata?.eTag, let size = entry.metadata?.size,
                let modified = (entry.updated_at ?? entry.created_at).flatMap(SupabaseJSON.moment)
            else { throw .unavailable("the bucket's listing lacks a tag, a size or a date of \(entry.name)") }
            page.blobs.append(
                ListedBlob(
                    key: entry.name,
                    facts: BlobFacts(etag: SupabaseFound.bare(etag), size: size, modified: modified)))
        }
        return page
    }

    func glimpseToken(_ bytes: [UInt8]) -> String? { nil }
}
