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
    private static let copyStall = Duration.seconds(300)

    let store: S3Store
    let move: BlobMove
    let mayGoOn: @Sendable () -> Bool
    var largestCopy = Self.largestCopy
    var partSize = S3PartwiseCopy.usualPart

    func run() async -> BlobMove.Outcome {
        guard mayGoOn() else { return .failed(.cancelled) }
        do throws(BlobStoreError) {
            let source = try await store.find(move.from)
            let copy = try await store.look(move.to)
            if let copy, copy.metadata[Self.markField] != mark { return .changed }
            if let copy, copy.size != move.expected.size { return .changed }
            guard let source else { return copy == nil ? .absent : .moved }
            guard source.facts.etag == move.expected.etag, source.size == move.expected.size else { return .changed }
            if copy == nil { try await make(of: source) }
            guard mayGoOn() else { return .failed(.cancelled) }
            return try await removeSource(source)
        } catch {
            return .failed(error)
        }
    }

    /// What the copy tells of its source.
    private var mark: String { "\(move.expected.etag) \(move.expected.size) \(SigV4.encode(move.from))" }

    private func make(of source: S3Found) async throws(BlobStoreError) {
        do throws(S3Error) {
            if source.size > largestCopy {
                try await S3PartwiseCopy(
                    store: store, from: move.from, source: source, to: move.to, headers: headers(source),
                    partSize: partSize
                ).run()
            } else {
                try await copyWhole(source)
            }
        } catch {
            if error.isPreconditionFailed { throw .unavailable("an object changed while it was moved") }
            throw store.unavailable(error)
        }
        // What the copy says of itself is what counts: only then may the source go.
        guard let copy = try await store.look(move.to), copy.size == source.size, copy.metadata[Self.markField] == mark,
            source.size > largestCopy || Self.isMultipart(source.etag) || copy.etag == source.etag
        else { throw .unavailable("the copy of an object is not what was copied") }
    }

    /// The tag of an object that came in parts says nothing of its bytes, and a copy's is another.
    private static func isMultipart(_ etag: String) -> Bool { etag.contains("-") }

    private func copyWhole(_ source: S3Found) async throws(S3Error) {
        var request = S3Request("PUT", move.to)
        request.headers =
            headers(source) + [
                (
                    "x-amz-copy-source",
                    "/\(store.configuration.bucket)/\(SigV4.encode(move.from, keepingSlashes: true))"
                ),
                ("x-amz-copy-source-if-match", source.etag), ("x-amz-metadata-directive", "REPLACE"),
            ]
        request.stall = Self.copyStall
        let document = try await store.sender.document(request)
        try S3Store.checkCompletion(document)
    }

    private func headers(_ source: S3Found) -> [(name: String, value: String)] {
        var metadata = source.metadata
        metadata[Self.markField] = mark
        return [("content-type", source.contentType ?? "application/octet-stream")]
            + metadata.sorted { $0.key < $1.key }.map { (S3Found.metadataPrefix + $0.key, $0.value) }
    }

    private func removeSource(_ source: S3Found) async throws(BlobStoreError) -> BlobMove.Outcome {
        let isConditional = try await store.conditionalRemoval.isHonoured(by: store)
        if !isConditional {
            // Under the job's lock, as the caller holds it, nothing writes between this look and the removal.
            guard let still = try await store.look(move.from) else { return .moved }
            guard still.facts == source.facts else { return .changed }
        }
        var request = S3Request("DELETE", move.from)
        if isConditional { request.headers = [("if-match", source.etag)] }
        do throws(S3Error) {
            _ = try await store.sender.head(request)
        } catch {
            if error.meansAbsent { return .moved }
            if error.isPreconditionFailed { return .changed }
            throw store.unavailable(error)
        }
        return .moved
    }
}
