internal import CustodeCore
internal import HTTPFetch

/// Moves one object: a copy on the service's side, a look at the copy, and only then the removal of the source.
///
/// The copy carries a mark of what it was made from, by which a move that was interrupted finds it again and by which
/// it is told from another object at the same place.
struct S3Move {
    private static let markField = "custode-moved-from"
    /// S3 copies no more than this in one request.
    static let largestCopy: Int64 = 5 * 1_024 * 1_024 * 1_024

    let store: S3Store
    let move: BlobMove
    let mayGoOn: @Sendable () -> Bool
    var largestCopy = Self.largestCopy
    var partSize = S3ServerCopy.usualPart

    func run() async -> BlobMove.Outcome {
        guard mayGoOn() else { return .failed(.cancelled) }
        do throws(BlobStoreError) {
            let source = try await store.find(move.from)
            let copy = try await store.look(move.to)
            if let copy, copy.metadata[Self.markField] != mark { return .changed }
            if let copy, copy.size != move.expected.size { return .changed }
            guard let source else { return copy == nil ? .absent : .moved }
            guard source.facts.etag == move.expected.etag, source.size == move.expected.size else { return .changed }
            if copy == nil, try await !make(of: source) { return .changed }
            try await check(source)
            return try await removeSource(source)
        } catch {
            return .failed(error)
        }
    }

    /// What the copy tells of its source.
    private var mark: String { "\(move.expected.etag) \(move.expected.size) \(SigV4.encode(move.from))" }

    /// Copies; tells whether nothing else is in the way.
    private func make(of source: S3Found) async throws(BlobStoreError) -> Bool {
        do throws(S3Error) {
            do throws(S3Error) {
                try await copy(source, [("if-none-match", "*")])
            } catch  where error.status == 501 {
                // The look before stands in for a condition that the service says it does not know.
                try await copy(source, [])
            }
            return true
        } catch {
            guard error.isPreconditionFailed || error.code == "ConditionalRequestConflict" else {
                throw store.unavailable(error)
            }
            // Something came there meanwhile: the copy of an attempt before, or what is another's.
            return try await store.look(move.to)?.metadata[Self.markField] == mark
        }
    }

    private func copy(_ source: S3Found, _ conditions: [(name: String, value: String)]) async throws(S3Error) {
        try await S3ServerCopy(
            store: store, from: move.from, source: source, to: move.to, headers: headers(source),
            conditions: conditions, largest: largestCopy, partSize: partSize, mayGoOn: mayGoOn
        ).run()
    }

    /// Looks at the copy: what it says of itself is what counts, and only then may the source go.
    private func check(_ source: S3Found) async throws(BlobStoreError) {
        guard let copy = try await store.look(move.to), copy.size == source.size, copy.metadata[Self.markField] == mark,
            source.size > largestCopy || !source.tagTellsBytes || !copy.tagTellsBytes || copy.etag == source.etag
        else { throw .unavailable("the copy of an object is not what was copied") }
    }

    private func headers(_ source: S3Found) -> [(name: String, value: String)] {
        var metadata = source.metadata
        metadata[Self.markField] = mark
        return [("content-type", source.contentType ?? "application/octet-stream")]
            + metadata.sorted { $0.key < $1.key }.map { (S3Found.metadataPrefix + $0.key, $0.value) }
    }

    /// Removes the source, once and while the claim holds: what is sent again later might find what was restored.
    private func removeSource(_ source: S3Found) async throws(BlobStoreError) -> BlobMove.Outcome {
        let isConditional = try await store.conditionalRemoval.isHonoured(by: store)
        if !isConditional {
            // The claim keeps others of ours away between this look and the removal.
            guard let still = try await store.look(move.from) else { return .moved }
            guard still.facts == source.facts else { return .changed }
        }
        // Work has begun: this is no longer the untouched object that a cancelled move leaves.
        guard mayGoOn() else { throw .unavailable("the copy of an object took longer than the claim on it") }
        var request = S3Request("DELETE", move.from)
        if isConditional { request.headers = [("if-match", source.etag)] }
        request.isRepeatable = false
        request.isNeverResent = true
        request.mayGoOn = mayGoOn
        do throws(S3Error) {
            _ = try await store.sender.head(request)
        } catch {
            if error.meansAbsent { return .moved }
            if error.isPreconditionFailed { return .changed }
            if error.code == S3Error.cancelled {
                throw .unavailable("given up while an object was removed from its place")
            }
            throw store.unavailable(error)
        }
        return .moved
    }
}
