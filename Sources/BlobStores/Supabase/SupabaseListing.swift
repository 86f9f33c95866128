internal import CustodeCore

/// A bucket's listing in pages (`list-v2`).
struct SupabaseListing: ListingPages {
    private static let pageSize = 1_000
    /// A page that is longer tells something, and is read but once.
    private static let longestEmptyPage = 1_024

    let store: SupabaseStore
    let prefix: String

    // Cursors are the service's own.
    var canJump: Bool { false }

    func fetch(token: String?, startAfter: String?) async throws(BlobStoreError) -> [UInt8] {
        let wish = SupabaseJSON.PageWish(prefix: prefix, limit: Self.pageSize, cursor: token)
        let page: [UInt8]
        do throws(SupabaseError) {
            page = try await store.client.bytes(
                SupabaseRequest("POST", "/object/list-v2/\(store.bucketName)", json: wish))
        } catch {
            throw store.unavailable(error)
        }
        // Of a bucket that is not there, or that this key may not see, it tells that there is nothing in it.
        if token == nil, page.count < Self.longestEmptyPage, try read(page).blobs.isEmpty { try await store.bucket() }
        return page
    }

    func read(_ bytes: [UInt8]) throws(BlobStoreError) -> RemoteListing.Page {
        guard let told = try? SupabaseJSON.read(SupabaseJSON.Page.self, bytes) else {
            throw .unavailable("Supabase Storage answers a listing with something else, or with half of it")
        }
        var page = RemoteListing.Page(token: told.nextCursor, isTruncated: told.hasNext)
        page.blobs.reserveCapacity(told.objects.count)
        // Some versions take characters of a prefix for a pattern.
        for entry in told.objects where entry.name.utf8.starts(with: prefix.utf8) {
            guard let etag = entry.metadata?.eTag, let size = entry.metadata?.size, size >= 0,
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
