internal import CustodeCore
internal import HTTPFetch
internal import NIOCore

/// The multipart upload that a resumable upload goes into, as the catalog remembers it.
struct StagedParts: Sendable {
    /// The key that it is to become an object of.
    let key: String
    /// The service's name of it.
    let id: String

    init(key: String, id: String) {
        self.key = key
        self.id = id
    }

    /// Reads a ``token``; `nil` for anything else.
    init?(_ token: String) {
        // Neither holds a space.
        let halves = token.split(separator: " ", maxSplits: 1)
        guard halves.count == 2 else { return nil }
        self.init(key: String(halves[0]), id: String(halves[1]))
    }

    /// What ``StagedBlob/token`` holds.
    var token: String { "\(key) \(id)" }
}

/// Gets an upload out of parts among which some are of no use.
///
/// A request that failed, or a process that died, may leave parts that nobody recorded. Their numbers are never used again,
/// so that what is still on its way can overwrite nothing; but no service lets go of single parts, and Ceph completes an
/// upload with all of them or not at all. So all are put together at the upload's key, to which nothing refers, and
/// what counts is copied from there, on the service's side, to a key of its own.
struct S3Salvage {
    let store: S3Store
    let parts: StagedParts
    let staged: StagedBlob

    private static let largestCopy: Int64 = 1 << 30
    private var layoutKey: String { "\(StagedBlob.folder)\(staged.id.text)/layout" }

    /// Puts all parts together, and remembers where each begins.
    func merge(_ listed: [S3ListedPart]) async throws(BlobStoreError) {
        let layout = listed.map { "\($0.part.number) \($0.size)\n" }.joined()
        let page = SpooledPart(number: 1, hashes: true)
        try page.append(ByteBuffer(string: layout)) { () throws(BlobStoreError) in
            try SpoolFile(directory: store.configuration.spoolDirectory)
        }
        page.finish([])
        try await store.putPiece(page, at: layoutKey)
        try await store.complete(
            parts.id, listed.map(\.part), as: parts.key, size: listed.reduce(0) { $0 + $1.size },
            nonce: store.mark(of: staged.id))
    }

    /// Copies what counts to another key.
    func copy(to key: String) async throws(BlobStoreError) {
        guard let source = try await store.find(parts.key),
            source.metadata[S3Store.nonceField] == store.mark(of: staged.id)
        else { throw .unavailable("the parts of an upload are gone") }
        let ranges = try await ranges()
        let id = try await store.beginMultipart(key, nonce: store.mark(of: staged.id))
        do throws(BlobStoreError) {
            var copied: [S3Part] = []
            for range in ranges {
                copied.append(try await store.copy(range, of: parts.key, source.etag, to: key, id, copied.count + 1))
            }
            try await store.complete(id, copied, as: key, size: staged.size, nonce: store.mark(of: staged.id))
        } catch {
            if case .unsettled = error { throw error }
            await store.abort(id, key)
            throw error
        }
    }

    /// Removes what was put together, once it is of no use any more.
    func discard() async throws(BlobStoreError) {
        guard let there = try await store.find(parts.key),
            there.metadata[S3Store.nonceField] == store.mark(of: staged.id)
        else { return }
        for failure in await store.removeForGood([parts.key, layoutKey]) { if let failure { throw failure } }
    }

    /// Where in what was put together the bytes lie that count, in their order.
    private func ranges() async throws(BlobStoreError) -> [ByteRange] {
        let blob = try await store.open(layoutKey, reading: .whole)
        var text = ""
        do {
            for try await piece in blob.read(ByteRange(first: 0, last: blob.size - 1)) { text += String(buffer: piece) }
        } catch {
            throw error as? BlobStoreError ?? .cancelled
        }
        let counts = Set(staged.pieces.compactMap { $0.tag == nil ? nil : $0.number })
        var ranges: [ByteRange] = []
        var offset: Int64 = 0
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let number = Int64(words[0]), let size = Int64(words[1]) else {
                throw .unavailable("the layout of an upload cannot be read")
            }
            if counts.contains(number) {
                let range = ByteRange(first: offset, last: offset + size - 1)
                // Together with the one before, where that ends here.
                if let last = ranges.last, last.last + 1 == offset, last.count + size <= Self.largestCopy {
                    ranges[ranges.count - 1] = ByteRange(first: last.first, last: range.last)
                } else {
                    ranges.append(range)
                }
            }
            offset += size
        }
        return ranges
    }
}

/// A part as a listing tells it.
struct S3ListedPart: Sendable {
    let part: S3Part
    let size: Int64
}

extension S3Store {
    /// Puts the parts of a resumable upload together.
    ///
    /// - Throws: ``BlobStoreError/keyTaken`` if there were others among them: then all are at the key, and what counts is to be
    ///   copied to another.
    func complete(_ parts: StagedParts, _ staged: StagedBlob) async throws(BlobStoreError) {
        let recorded = staged.pieces.compactMap { piece in
            piece.tag.map { S3Part(number: Int(piece.number), etag: $0) }
        }
        let listed = try await list(parts)
        let tags = Dictionary(listed.map { ($0.part.number, $0.part.etag) }) { first, _ in first }
        guard recorded.allSatisfy({ tags[$0.number] == $0.etag }) else {
            throw .unavailable("the bucket's service lost parts of an upload")
        }
        guard listed.count > recorded.count else {
            return try await complete(parts.id, recorded, as: parts.key, size: staged.size, nonce: mark(of: staged.id))
        }
        try await S3Salvage(store: self, parts: parts, staged: staged).merge(listed)
        throw .keyTaken
    }

    /// The parts of a multipart upload, by their numbers (ListParts).
    private func list(_ parts: StagedParts) async throws(BlobStoreError) -> [S3ListedPart] {
        var listed: [S3ListedPart] = []
        while true {
            var request = S3Request("GET", parts.key)
            request.query = [("max-parts", "1000")]
            if let last = listed.last { request.query.append(("part-number-marker", String(last.part.number))) }
            request.query.append(("uploadId", parts.id))
            let document: XMLTree
            do throws(S3Error) {
                document = try await sender.document(request)
            } catch {
                throw unavailable(error)
            }
            let page = document.all("Part").compactMap { part -> S3ListedPart? in
                guard let number = part.text("PartNumber").flatMap({ Int($0) }), let etag = part.text("ETag"),
                    let size = part.text("Size").flatMap({ Int64($0) })
                else { return nil }
                return S3ListedPart(part: S3Part(number: number, etag: etag), size: size)
            }
            listed += page
            guard document.text("IsTruncated") == "true", !page.isEmpty else { return listed }
        }
    }

    /// Copies a range of an object as one part.
    func copy(
        _ range: ByteRange, of source: String, _ etag: String, to key: String, _ id: String, _ number: Int
    ) async throws(BlobStoreError) -> S3Part {
        var request = S3Request("PUT", key)
        request.query = [("partNumber", String(number)), ("uploadId", id)]
        request.headers = [
            ("x-amz-copy-source", "/\(configuration.bucket)/\(SigV4.encode(source, keepingSlashes: true))"),
            ("x-amz-copy-source-if-match", etag), ("x-amz-copy-source-range", "bytes=\(range.first)-\(range.last)"),
        ]
        request.stall = .seconds(300)
        do throws(S3Error) {
            let document = try await sender.document(request)
            try Self.checkCompletion(document)
            return S3Part(number: number, etag: document.text("ETag") ?? "")
        } catch {
            throw unavailable(error)
        }
    }
}
