internal import CustodeCore
internal import Synchronization

/// Where a bucket's listing comes from, page by page.
protocol ListingPages: Sendable {
    /// Asks for a page: the first, the one that a token names, or the one behind a key.
    func fetch(token: String?, startAfter: String?) async throws(BlobStoreError) -> [UInt8]

    /// Reads a page.
    func read(_ bytes: [UInt8]) throws(BlobStoreError) -> RemoteListing.Page

    /// The token for the next page, if it can be had before the page is read.
    func glimpseToken(_ bytes: [UInt8]) -> String?

    /// Whether ``fetch(token:startAfter:)`` can go on behind a key.
    var canJump: Bool { get }
}

/// A listing of a bucket, page by page; the next page is asked for while one is read and worked on.
final class RemoteListing: BlobListing {
    /// A page as the bucket's service told it.
    struct Page: Sendable {
        var blobs: [ListedBlob] = []
        var unreadable = 0
        var token: String?
        var isTruncated = false
    }

    /// How many pages without an entry may follow one another, each with a token of its own.
    private static let mostEmptyPages = 1_000

    private struct State {
        var emptyPages = 0
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

    private let pages: any ListingPages
    private let scope: ListingScope
    private let state = Mutex(State())

    init(_ pages: any ListingPages, scope: ListingScope) {
        self.pages = pages
        self.scope = scope
    }

    deinit { state.withLock { $0.dropAhead() } }

    func next() async throws(BlobStoreError) -> ListingPage? {
        while true {
            guard !state.withLock({ $0.hasEnded }) else { return nil }
            let page: Page
            do throws(BlobStoreError) {
                let bytes = try await nextBytes()
                if let token = pages.glimpseToken(bytes) { askAhead(token) }
                page = try pages.read(bytes)
                try advance(past: page)
                if let token = state.withLock({ $0.hasEnded || $0.ahead != nil ? nil : $0.token }) { askAhead(token) }
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
        guard let ahead else { return try await pages.fetch(token: token, startAfter: startAfter) }
        let result = await withTaskCancellationHandler {
            await ahead.task.value
        } onCancel: {
            ahead.task.cancel()
        }
        return try result.get()
    }

    /// Asks for the page that a page names, perhaps before that is read: whether it does is checked after.
    private func askAhead(_ token: String) {
        let pages = pages
        // Not adrift: `ahead` holds it, which the next call awaits and the end of the listing cancels.
        let task = Task {
            await Result.of { () throws(BlobStoreError) in try await pages.fetch(token: token, startAfter: nil) }
        }
        state.withLock { $0.ahead = (token, task) }
    }

    /// Checks that a page follows the one before, and notes where the listing goes on.
    private func advance(past page: Page) throws(BlobStoreError) {
        let canJump = pages.canJump
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
            state.emptyPages = page.blobs.isEmpty && page.unreadable == 0 ? state.emptyPages + 1 : 0
            guard state.emptyPages < Self.mostEmptyPages else {
                state.hasEnded = true
                return .unavailable("the bucket's listing does not advance: page after page is empty")
            }
            state.token = token
            state.startAfter = nil
            // Over a long stretch that is left out it is quicker to jump.
            if canJump, let last = page.blobs.last?.key,
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
}
