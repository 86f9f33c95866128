/// Forgets the parts of uploads that nobody goes on with: those of keys of ours, begun longer ago than an upload's lease
/// could excuse, for which no intent is open.
///
/// That something refers to the key says nothing: a repeated beginning leaves
/// parts beside the object.
struct AbortUnfinished {
    private let parts: CollectionParts

    init(_ parts: CollectionParts) { self.parts = parts }

    /// - Parameter cutoff: By the store's clock; what was begun later is left alone.
    /// - Throws: ``CatalogError``, ``BlobStoreError``.
    func callAsFunction(
        before cutoff: Timestamp, leadership: any CollectionLeadership, _ report: inout CollectionReport
    ) async throws {
        var last: UnfinishedUpload?
        while true {
            let page = try await parts.store.unfinished(after: last)
            guard let end = page.last else { return }
            guard end != last else {
                throw BlobStoreError.unavailable("the list of unfinished uploads does not advance")
            }
            last = end
            let old = page.filter { $0.begun < cutoff + (.zero - Self.patience(for: $0.key)) }
                .filter { ObjectKey(parsing: $0.key) != nil || Self.isOwn($0.key) }
            guard !old.isEmpty else { continue }
            try Task.checkCancellation()
            let isUnderWay = try await parts.catalog.uploading(old.map(\.key))
            let dead = zip(old, isUnderWay).filter { !$0.1 }.map(\.0)
            try await leadership.renew()
            let holds = parts.holding(since: parts.clock.now(), for: leadership.fence.lease)
            for (upload, failure) in zip(dead, await parts.store.abort(dead, while: holds)) {
                if let failure, failure != .cancelled { report.noteFailure(upload.key, "\(failure)") }
            }
        }
    }

    /// Copies in parts, into quarantine, and what was tried out: no intent tells of those, but none takes a day.
    private static func isOwn(_ key: String) -> Bool {
        TrashPlace(parsing: key) != nil || key.utf8.starts(with: ".custode/".utf8)
    }

    private static func patience(for key: String) -> Duration { isOwn(key) ? .seconds(86_400) : .zero }
}
