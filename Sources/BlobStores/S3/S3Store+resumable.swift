internal import Cryptography
public import CustodeCore
internal import HTTPFetch
internal import NIOCore

extension S3Store: ResumableStore {
    /// Goes on with the parts of an upload and the pieces behind them; begins if nothing is stored.
    ///
    /// - Throws: ``BlobStoreError/keyTaken`` at the beginning, if the key holds something: parts belong to a key.
    public func resume(
        _ staged: StagedBlob, as key: ObjectKey?, expectedSize: Int64?
    ) async throws(BlobStoreError) -> any BlobAppend {
        if let key, staged.size == 0, try await find(key.text) != nil { throw .keyTaken }
        var start = staged
        guard let hasher = staged.size == 0 ? SHA256() : SHA256(state: staged.hash) else {
            throw .unavailable("an upload's hash cannot be read")
        }
        // Parts of an upload of which nothing was recorded are left to collection.
        if staged.size == 0 { start.token = nil }
        let tail = staged.pieces.reduce(0) { $0 + ($1.tag == nil ? $1.size : 0) }
        let spool = PartSpool(
            PartPlan(expectedSize: expectedSize), directory: configuration.spoolDirectory, number: staged.nextNumber,
            elsewhere: tail, whole: hasher,
            total: staged.size)
        return S3Append(start, key: key?.text ?? Self.whole(staged.id), spool: spool, store: self)
    }

    /// Puts the parts together; an object that is this upload's already is no fault.
    public func publish(
        _ staged: StagedBlob, as key: ObjectKey?, contentType: String
    ) async throws(BlobStoreError) {
        guard key == nil else { return try await publish(staged, at: key?.text ?? "") }
        do throws(BlobStoreError) {
            try await publish(staged, at: Self.whole(staged.id))
        } catch .keyTaken {
            try await publish(staged, at: Self.salvaged(staged.id))
        }
    }

    private func publish(_ staged: StagedBlob, at name: String) async throws(BlobStoreError) {
        let mark = mark(of: staged.id)
        if let there = try await find(name) {
            guard there.metadata[Self.nonceField] == mark, there.size == staged.size else { throw .keyTaken }
            return
        }
        guard staged.size > 0 else {
            let empty = SpooledPart(number: 1, hashes: true)
            empty.finish([])
            return try await put(empty, as: name, nonce: mark)
        }
        guard let parts = staged.token.flatMap(StagedParts.init) else {
            throw .unavailable("an upload without parts cannot be published")
        }
        if parts.key == name {
            try await complete(parts, staged)
        } else {
            try await S3Salvage(store: self, parts: parts, staged: staged).copy(to: name)
        }
    }

    /// Opens a partial upload that was put together.
    public func read(_ staged: StagedBlob) async throws(BlobStoreError) -> any OpenBlob {
        guard staged.size > 0 else { return EmptyBlob() }
        let whole = try await open(Self.whole(staged.id), reading: nil)
        if whole.size == staged.size { return whole }
        return try await open(Self.salvaged(staged.id), reading: nil)
    }

    /// Removes the pieces, and the parts that are not an object.
    public func discard(
        _ staged: StagedBlob, as key: ObjectKey?, isPublished: Bool
    ) async throws(BlobStoreError) {
        let parts = staged.token.flatMap(StagedParts.init)
        if !isPublished, let parts, let failure = await abort(parts.id, parts.key) { throw failure }
        if isPublished, let parts, let key, parts.key != key.text {
            try await S3Salvage(store: self, parts: parts, staged: staged).discard()
        }
        var left = staged.pieces.filter { $0.tag == nil }.map { place(of: $0, staged.id) }
        if !isPublished, key == nil { left += [Self.whole(staged.id), Self.salvaged(staged.id)] }
        guard !left.isEmpty else { return }
        for failure in await removeStaged(left) { if let failure { throw failure } }
    }

    /// Removes objects that uploads were kept in.
    public func removeStaged(_ keys: [String]) async -> [BlobStoreError?] {
        guard !keys.isEmpty else { return [] }
        guard keys.allSatisfy({ $0.hasPrefix(StagedBlob.folder) }) else {
            return keys.map { _ in .unavailable("not the key of an upload") }
        }
        var failures: [BlobStoreError?] = []
        for start in stride(from: 0, to: keys.count, by: 1_000) {
            failures += await removeForGood(Array(keys[start..<min(start + 1_000, keys.count)]))
        }
        return failures
    }

    static func whole(_ id: UploadID) -> String { StagedBlob.folder + id.text + "/whole" }

    private static func salvaged(_ id: UploadID) -> String { StagedBlob.folder + id.text + "/salvaged" }

    /// Where a piece is kept that is no part yet: by its first byte, and the request that stored it.
    func place(of piece: StagedBlob.Piece, _ id: UploadID) -> String {
        "\(StagedBlob.folder)\(id.text)/\(piece.offset)-\(piece.number)"
    }

    /// What tells the object of an upload from every other, whoever completes it.
    func mark(of id: UploadID) -> String { Hex.encode(SHA256.hash(Array(id.text.utf8)).prefix(16)) }

    /// Keeps bytes that are no part yet.
    func putPiece(_ part: SpooledPart, at place: String) async throws(BlobStoreError) {
        var request = S3Request("PUT", place)
        request.headers = [("content-type", "application/octet-stream")]
        request.body = part.body
        request.payloadHash = part.hash
        do throws(S3Error) {
            _ = try await sender.head(request)
        } catch {
            throw unavailable(error)
        }
    }

    /// Pieces and what comes behind them, as one part.
    func assembled(
        _ pieces: [StagedBlob.Piece], of id: UploadID, _ last: SpooledPart, _ spool: PartSpool
    ) async throws(BlobStoreError) -> SpooledPart {
        let whole = SpooledPart(number: last.number, hashes: true)
        for piece in pieces {
            let blob = try await open(place(of: piece, id), reading: .whole)
            guard blob.size == piece.size else { throw .unavailable("a piece of an upload has not the size it had") }
            do {
                for try await bytes in blob.read(ByteRange(first: 0, last: piece.size - 1)) {
                    try await threads.perform { () throws(BlobStoreError) in
                        try whole.append(bytes) { () throws(BlobStoreError) in try spool.file() }
                    }
                }
            } catch {
                throw error as? BlobStoreError ?? .cancelled
            }
        }
        try await threads.perform { () throws(BlobStoreError) in
            try whole.append(contentsOf: last) { () throws(BlobStoreError) in try spool.file() }
            whole.finish([])
        }
        spool.recycle(last)
        return whole
    }
}
