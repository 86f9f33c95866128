internal import CustodeCore
internal import Glibc
internal import Synchronization

/// A listing of a bucket, page by page (ListObjectsV2); the next page is asked for while one is read and worked on.
final class S3Listing: BlobListing {
    private static let pageSize = 1_000

    private struct State {
        /// Where the listing goes on; `nil` at its start.
        var token: String?
        /// The key to go on after, in the place of a token.
        var startAfter: String?
        var last: String?
        var hasEnded = false
        /// The page that was asked for ahead, and by which token.
        var ahead: (token: String, task: Task<Result<[UInt8], BlobStoreError>, Never>)?

        mutating func dropAhead() {
            ahead?.task.cancel()
            ahead = nil
        }
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

    deinit { state.withLock { $0.dropAhead() } }

    func next() async throws(BlobStoreError) -> ListingPage? {
        while true {
            guard !state.withLock({ $0.hasEnded }) else { return nil }
            let page: Page
            do throws(BlobStoreError) {
                let bytes = try await nextBytes()
                askAhead(bytes)
                page = try Self.read(bytes)
                try advance(past: page)
            } catch {
                // Nothing follows a page that is missing.
                state.withLock { state in
                    state.hasEnded = true
                    state.dropAhead()
                }
                throw error
            }
            let told = page.blobs.filter { !isExcluded($0.key) }
            if !told.isEmpty || page.unreadable > 0 { return ListingPage(blobs: told, unreadable: page.unreadable) }
        }
    }

    private func nextBytes() async throws(BlobStoreError) -> [UInt8] {
        let (ahead, token, startAfter) = state.withLock { state in
            defer { state.ahead = nil }
            return (state.ahead, state.token, state.startAfter)
        }
        guard let ahead else { return try await Self.fetch(store, scope, token: token, startAfter: startAfter) }
        let result = await withTaskCancellationHandler {
            await ahead.task.value
        } onCancel: {
            ahead.task.cancel()
        }
        return try result.get()
    }

    /// Asks for the page that a page seems to name, before that is read: whether it does is checked after.
    private func askAhead(_ bytes: [UInt8]) {
        guard let token = Self.glimpseToken(bytes) else { return }
        let (store, scope) = (store, scope)
        // Not adrift: `ahead` holds it, which the next call awaits and the end of the listing cancels.
        let task = Task {
            await Result.of { () throws(BlobStoreError) in
                try await Self.fetch(store, scope, token: token, startAfter: nil)
            }
        }
        state.withLock { $0.ahead = (token, task) }
    }

    /// The token for the next page, where it stands plainly before the entries of a document or behind them.
    private static func glimpseToken(_ bytes: [UInt8]) -> String? {
        for edge in [bytes.prefix(4_096), bytes.suffix(4_096)] {
            let text = String(decoding: edge, as: UTF8.self)
            guard let tag = text.firstRange(of: "<NextContinuationToken>"),
                let end = text[tag.upperBound...].firstRange(of: "<")
            else { continue }
            let token = text[tag.upperBound..<end.lowerBound]
            return token.contains("&") ? nil : String(token)
        }
        return nil
    }

    /// Checks that a page follows the one before, and notes where the listing goes on.
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
                state.dropAhead()
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
                // A service that passes over it goes back, which is noticed.
                state.last = state.startAfter
            }
            if state.ahead?.token != state.token { state.dropAhead() }
            return nil
        }
        if let failure { throw failure }
    }

    private func isExcluded(_ key: String) -> Bool { scope.excluded.contains { Self.begins(key, with: $0) } }

    // By bytes: to Swift, strings that look the same are equal.
    private static func begins(_ key: String, with prefix: String) -> Bool { key.utf8.starts(with: prefix.utf8) }

    private static func fetch(
        _ store: S3Store, _ scope: ListingScope, token: String?, startAfter: String?
    ) async throws(BlobStoreError) -> [UInt8] {
        var request = S3Request("GET", nil)
        request.query = [
            ("list-type", "2"), ("max-keys", String(pageSize)), ("encoding-type", "url"), ("prefix", scope.prefix),
        ]
        if let token { request.query.append(("continuation-token", token)) }
        if let startAfter { request.query.append(("start-after", startAfter)) }
        do throws(S3Error) {
            return try await store.sender.bytes(request)
        } catch {
            throw store.unavailable(error)
        }
    }

    private static func read(_ bytes: [UInt8]) throws(BlobStoreError) -> Page {
        guard let document = XMLTree.read(bytes), document.name == "ListBucketResult",
            let isTruncated = document.text("IsTruncated")
        else { throw .unavailable("the bucket's service answers a listing with something else, or with half of it") }
        var page = Page(token: document.text("NextContinuationToken"), isTruncated: isTruncated == "true")
        let isEncoded = document.text("EncodingType") == "url"
        for entry in document.children where entry.name == "Contents" {
            guard let encoded = entry.text("Key"), let etag = entry.text("ETag"),
                let size = entry.text("Size").flatMap({ Int64($0) }),
                let modified = entry.text("LastModified").flatMap(moment)
            else { throw .unavailable("the bucket's listing lacks a key, a tag, a size or a date") }
            guard let key = isEncoded ? decode(encoded) : encoded else {
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
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case 0x2B: bytes.append(0x20)
            case 0x25:
                guard let high = rest.next().flatMap(hexValue), let low = rest.next().flatMap(hexValue) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x37
        case 0x61...0x66: digit - 0x57
        default: nil
        }
    }

    /// Reads a date such as `2026-11-25T03:00:00.123Z`, to the whole second, as a `HEAD` tells it.
    static func moment(_ text: String) -> Timestamp? {
        // Year, month, day, hour, minute, second.
        var parts: [Int32] = [0, 0, 0, 0, 0, 0]
        var part = 0
        var length = 0
        reading: for byte in text.utf8 {
            length += 1
            switch (byte, length) {
            case (0x30...0x39, _): parts[part] = parts[part] * 10 + Int32(byte - 0x30)
            case (0x2D, 5), (0x2D, 8), (0x54, 11), (0x3A, 14), (0x3A, 17): part += 1
            case (0x2E, 20), (0x5A, 20): break reading
            default: return nil
            }
        }
        guard length == 20, part == 5, text.utf8.last == 0x5A else { return nil }
        var time = tm()
        (time.tm_year, time.tm_mon, time.tm_mday) = (parts[0] - 1_900, parts[1] - 1, parts[2])
        (time.tm_hour, time.tm_min, time.tm_sec) = (parts[3], parts[4], parts[5])
        return Timestamp(seconds: Int64(timegm(&time)))
    }
}
