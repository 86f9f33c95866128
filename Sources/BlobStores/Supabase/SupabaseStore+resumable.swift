internal import Cryptography
public import CustodeCore
internal import HTTPFetch
internal import NIOCore

/// An upload's bytes are kept in objects of their own, at names that no other request uses, and put together at its end.
///
/// The service's own resumable uploads would not do: they are forgotten after an hour or a day, and a byte that they took and
/// nobody recorded could not be taken back.
extension SupabaseStore: ResumableStore {
    /// Goes on behind the pieces of an upload; begins if nothing is stored.
    ///
    /// - Throws: ``BlobStoreError/keyTaken`` at the beginning, if the key holds something.
    public func resume(
        _ staged: StagedBlob, as key: ObjectKey?, expectedSize: Int64?
    ) async throws(BlobStoreError) -> any BlobAppend {
        if let key, staged.size == 0, try await look(key.text) != nil { throw .keyTaken }
        guard let hasher = staged.size == 0 ? SHA256() : SHA256(state: staged.hash) else {
            throw .unavailable("an upload's hash cannot be read")
        }
        let spool = PartSpool(
            PartPlan(partSize: Self.pieceSize), directory: configuration.spoolDirectory, whole: hasher,
            total: staged.size, hashesParts: false)
        return SupabaseAppend(staged, spool: spool, store: self)
    }

    /// Puts the pieces together; an object that is this upload's already is no fault.
    public func publish(
        _ staged: StagedBlob, as key: ObjectKey?, contentType: String
    ) async throws(BlobStoreError) {
        // A partial upload is read where it is.
        guard let key else { return }
        let target = SupabaseTarget(
            key: key.text, contentType: contentType,
            nonce: Hex.encode(SHA256.hash(Array(staged.id.text.utf8)).prefix(16)))
        // It may take long, and whoever waits for it may come again meanwhile: then both wait for the same.
        try await publications.once("\(staged.id.text) \(key.text)") { () throws(BlobStoreError) in
            try await self.assemble(staged, as: target)
        }
    }

    private func assemble(_ staged: StagedBlob, as target: SupabaseTarget) async throws(BlobStoreError) {
        if try await isPublished(target, size: staged.size) { return }
        guard let expected = staged.size == 0 ? SHA256() : SHA256(state: staged.hash),
            let digest = Digest(expected.finalize())
        else { throw .unavailable("an upload's hash cannot be read") }
        let upload = SupabaseUpload(target, expectedSize: staged.size, store: self)
        do {
            if staged.size > 0 {
                for try await bytes in try await read(staged).read(ByteRange(first: 0, last: staged.size - 1)) {
                    try await upload.write(bytes)
                }
            }
            // Nothing is told to be what was sent that is not.
            guard try await upload.seal().sha256 == digest else {
                throw BlobStoreError.unavailable("the pieces of an upload are not what they were")
            }
            try await upload.publish()
        } catch {
            await upload.discard()
            throw error as? BlobStoreError ?? .cancelled
        }
    }

    /// Opens what is stored of an upload, whole.
    public func read(_ staged: StagedBlob) async throws(BlobStoreError) -> any OpenBlob {
        guard staged.size > 0 else { return EmptyBlob() }
        return PiecesBlob(staged, store: self)
    }

    /// Removes the pieces.
    public func discard(
        _ staged: StagedBlob, as key: ObjectKey?, isPublished: Bool
    ) async throws(BlobStoreError) {
        guard !staged.pieces.isEmpty else { return }
        for failure in await removeStaged(staged.pieces.map { place(of: $0, staged.id) }) {
            if let failure { throw failure }
        }
    }

    /// Removes objects that uploads were kept in.
    public func removeStaged(_ keys: [String]) async -> [BlobStoreError?] {
        guard keys.allSatisfy({ $0.hasPrefix(StagedBlob.folder) }) else {
            return keys.map { _ in .unavailable("not the key of an upload") }
        }
        return await removeForGood(keys)
    }

    /// Where a piece is kept: by its first byte, and the request that stored it.
    func place(of piece: StagedBlob.Piece, _ id: UploadID) -> String {
        "\(StagedBlob.folder)\(id.text)/\(piece.offset)-\(piece.number)"
    }
}

/// The pieces of an upload, read as one.
struct PiecesBlob: OpenBlob {
    private let staged: StagedBlob
    private let store: SupabaseStore

    init(_ staged: StagedBlob, store: SupabaseStore) {
        self.staged = staged
        self.store = store
    }

    var size: Int64 { staged.size }
    var file: NIOFileHandle? { nil }

    func read(_ range: ByteRange) -> AsyncThrowingStream<ByteBuffer, any Error> {
        let reading = PiecesReading(
            staged.pieces.filter { $0.offset <= range.last && $0.offset + $0.size > range.first }, of: staged.id, range,
            store)
        return AsyncThrowingStream { try await reading.next() }
    }
}

/// One reading of a range of pieces, by one reader.
private actor PiecesReading {
    private var waiting: ArraySlice<StagedBlob.Piece>
    private var offset: Int64
    private let last: Int64
    private let id: UploadID
    private let store: SupabaseStore
    private var current: AsyncThrowingStream<ByteBuffer, any Error>.Iterator?

    init(_ pieces: [StagedBlob.Piece], of id: UploadID, _ range: ByteRange, _ store: SupabaseStore) {
        waiting = pieces[...]
        offset = range.first
        last = range.last
        self.id = id
        self.store = store
    }

    func next() async throws -> ByteBuffer? {
        while offset <= last {
            if var iterator = current {
                let bytes = try await iterator.next(isolation: self)
                current = iterator
                if let bytes {
                    offset += Int64(bytes.readableBytes)
                    return bytes
                }
                current = nil
                guard offset <= last else { return nil }
            }
            guard let piece = waiting.popFirst(), piece.offset <= offset, piece.offset + piece.size > offset else {
                throw BlobStoreError.unavailable("an upload lacks a piece")
            }
            let range = ByteRange(
                first: offset - piece.offset, last: min(last, piece.offset + piece.size - 1) - piece.offset)
            let blob: any OpenBlob
            do {
                blob = try await store.open(store.place(of: piece, id), reading: .part(range))
            } catch BlobStoreError.absent {
                throw BlobStoreError.unavailable("a piece of an upload is gone")
            }
            guard blob.size == piece.size else {
                throw BlobStoreError.unavailable("a piece of an upload has not the size it had")
            }
            current = blob.read(range).makeAsyncIterator()
        }
        return nil
    }
}
