internal import CustodeCore
internal import Glibc
internal import Synchronization

/// A listing of a bucket, page by page (ListObjectsV2); the next page is asked for while one is worked on.
final class S3Listing: BlobListing {
    private static let pageSize = 1_000

    private struct State {
        /// Where the listing goes on; `nil` at its start.
        var token: String?
        /// The key to go on after, in the place of a token.
        var startAfter: String?
        var last: String?
        var hasEnded = false
        var ahead: Task<Result<Page, BlobStoreError>, Never>?
    }

    private struct Page: Sendable {
        var blobs: [ListedBlob] = []
        var unreadable = 0
        var token: String?
        var isTruncated = false
    }

    private let store: S3Store
    private let scope: ListingScope
    private let state = Mutex(State())

    init(store: S3Store, scope: ListingScope) {
        self.store = store
        self.scope = scope
    }

    deinit { state.withLock { $0.ahead }?.cancel() }

    func next() async throws(BlobStoreError) -> ListingPage? {
        while true {
            guard !state.withLock({ $0.hasEnded }) else { return nil }
            let page = try await nextPage()
            try advance(past: page)
            let told = page.blobs.filter { !isExcluded($0.key) }
            if !told.isEmpty || page.unreadable > 0 { return ListingPage(blobs: told, unreadable: page.unreadable) }
        }
    }

    private func nextPage() async throws(BlobStoreError) -> Page {
        let (ahead, token, startAfter) = state.withLock { state in
            defer { state.ahead = nil }
            return (state.ahead, state.token, state.startAfter)
        }
        if let ahead {
            let result = await withTaskCancellationHandler {
                await ahead.value
            } onCancel: {
                ahead.cancel()
            }
            return try result.get()
        }
        return try await Self.fetch(store, scope, token: token, startAfter: startAfter)
    }

    /// Checks that a page follows the one before, and asks for the next.
    private func advance(past page: Page) throws(BlobStoreError) {
        let failure = state.withLock { state -> BlobStoreError? in
            for blob in page.blobs {
                if let last = state.last, !last.utf8.lexicographicallyPrecedes(blob.key.utf8) {
                    state.hasEnded = true
                    return .unavailable("the bucket's listing is not in the order of its keys, or tells one twice")
                }
                state.last = blob.key
            }
            guard page.isTruncated else {
                state.hasEnded = true
                return nil
            }
            guard let token = page.token, token != state.token else {
                state.hasEnded = true
                return .unavailable(
                    "the bucket's listing does not advance: a page says where to go on as the one before did")
            }
            state.token = token
            state.startAfter = nil
            // Over a long stretch that is left out it is quicker to jump.
            if let last = page.blobs.last?.key,
                let stretch = scope.excluded.first(where: { Self.begins(last, with: $0) })
            {
                state.token = nil
                state.startAfter = stretch + "\u{10FFFF}"
                state.last = nil
            }
            let (store, scope) = (store, scope)
            let (next, after) = (state.token, state.startAfter)
            // Awaited by the next call, or cancelled with the listing.
            state.ahead = Task {
                do throws(BlobStoreError) {
                    return .success(try await Self.fetch(store, scope, token: next, startAfter: after))
                } catch {
                    return .failure(error)
                }
            }
            return nil
        }
        if let failure { throw failure }
    }

    private func isExcluded(_ key: String) -> Bool { scope.excluded.contains { Self.begins(key, with: $0) } }

    // By bytes: to Swift, strings that look the same are equal.
    private static func begins(_ key: String, with prefix: String) -> Bool { key.utf8.starts(with: prefix.utf8) }

    private static func fetch(
        _ store: S3Store, _ scope: ListingScope, token: String?, startAfter: String?
    ) async throws(BlobStoreError) -> Page {
        var request = S3Request("GET", nil)
        request.query = [
            ("list-type", "2"), ("max-keys", String(pageSize)), ("encoding-type", "url"), ("prefix", scope.prefix),
        ]
        if let token { request.query.append(("continuation-token", token)) }
        if let startAfter { request.query.append(("start-after", startAfter)) }
        let document: XMLTree
        do throws(S3Error) {
            document = try await store.sender.document(request)
        } catch {
            throw store.unavailable(error)
        }
        guard document.name == "ListBucketResult", let isTruncated = document.text("IsTruncated") else {
            throw .unavailable("the bucket's service answers a listing with something else")
        }
        var page = Page(token: document.text("NextContinuationToken"), isTruncated: isTruncated == "true")
        for entry in document.all("Contents") {
            guard let encoded = entry.text("Key"), let etag = entry.text("ETag"),
                let size = entry.text("Size").flatMap({ Int64($0) }),
                let modified = entry.text("LastModified").flatMap(moment)
            else { throw .unavailable("the bucket's listing lacks a key, a tag, a size or a date") }
            guard let key = decode(encoded) else {
                page.unreadable += 1
                continue
            }
            page.blobs.append(
                ListedBlob(key: key, facts: BlobFacts(etag: S3Found.bare(etag), size: size, modified: modified)))
        }
        return page
    }

    /// Reads a key as `encoding-type=url` spells it; `nil` if it is no UTF-8.
    static func decode(_ text: String) -> String? {
        guard text.utf8.contains(where: { $0 == 0x25 || $0 == 0x2B }) else { return text }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case 0x2B: bytes.append(0x20)
            case 0x25:
                guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
                else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Reads a date such as `2026-11-25T03:00:00.123Z`, to the whole second, as a `HEAD` tells it.
    static func moment(_ text: String) -> Timestamp? {
        let digits = Array(text.utf8)
        guard digits.count >= 20, digits.last == UInt8(ascii: "Z") else { return nil }
        func number(_ range: Range<Int>) -> Int32? { Int32(String(decoding: digits[range], as: UTF8.self)) }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        var parts = tm()
        parts.tm_year = year - 1_900
        parts.tm_mon = month - 1
        parts.tm_mday = day
        parts.tm_hour = hour
        parts.tm_min = minute
        parts.tm_sec = second
        return Timestamp(seconds: Int64(timegm(&parts)))
    }
}
