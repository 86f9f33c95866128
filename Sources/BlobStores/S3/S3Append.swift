internal import CustodeCore
internal import NIOCore
internal import Synchronization

/// Bytes of a resumable upload on their way into a bucket.
///
/// What fills a part is sent as one. The rest waits in objects of its own, a piece a request, until it fills a part with
/// what comes later: so parts never get short, and what was acknowledged is never taken away before it is stored again.
final class S3Append: BlobAppend {
    /// How many parts of one upload are on their way at once.
    private static let partsAtOnce = 4
    /// How many bytes may wait to be hashed and spooled.
    private static let mayWait = 128 * 1_024
    /// How many pieces may wait before they are put together.
    private static let mostPieces = 12
    /// The number of a last part that is not full: the highest of all.
    ///
    /// Only the last may be short, so that one
    /// which nobody recorded must be overwritten by the next, and be behind all others.
    private static let shortPart = 10_000

    private struct State {
        var staged: StagedBlob
        /// The pieces that the next part begins with.
        var tail: [StagedBlob.Piece]
        /// Pieces that what is told replaces.
        var replaced: [StagedBlob.Piece] = []
        var hasNews = false
        /// A multipart upload that was begun just now and that nobody heard of.
        var untold: String?
    }

    /// What is known of a part before it has arrived.
    private struct Stretch {
        let offset: Int64
        let size: Int64
        let hashBehind: [UInt8]
    }

    private let store: S3Store
    private let key: String
    private let spool: PartSpool
    private let drain: SerialDrain
    private let state: Mutex<State>
    private let sending = SendingLine<Stretch, S3Part>()
    /// Where the next part begins.
    private let nextOffset: Mutex<Int64>

    init(_ staged: StagedBlob, key: String, spool: PartSpool, store: S3Store) {
        self.store = store
        self.key = key
        self.spool = spool
        drain = SerialDrain(store.threads, highWater: Self.mayWait) { spool.take($0) }
        let tail = staged.pieces.filter { $0.tag == nil }
        state = Mutex(State(staged: staged, tail: tail))
        nextOffset = Mutex(tail.first?.offset ?? staged.size)
    }

    func write(_ bytes: ByteBuffer) async throws(BlobStoreError) {
        drain.push(bytes)
        try await drain.room()
        while let part = spool.takeComplete() { try await send(part, as: part.number) }
    }

    func seal(isWhole: Bool) async throws(BlobStoreError) -> StagedBlob {
        try await drain.settle()
        let last = try await store.threads.perform { () throws(BlobStoreError) in
            try self.drain.finish()
            return self.spool.cut()
        }
        while let part = spool.takeComplete() { try await send(part, as: part.number) }
        let waiting = state.withLock { $0.tail.count } + (last.part.size > 0 ? 1 : 0)
        if last.isFull || (isWhole && waiting > 0) {
            try await send(last.part, as: last.isFull ? last.part.number : Self.shortPart)
        }
        while try await awaitOldest() {}
        if !last.isFull, !isWhole, last.part.size > 0 {
            try await keep(last.part, merged: waiting > Self.mostPieces)
        }
        return state.withLock { state in
            (state.staged.size, state.staged.hash) = (last.total, last.hash)
            state.untold = nil
            return state.staged
        }
    }

    func passingCheckpoint() async throws(BlobStoreError) -> StagedBlob? {
        state.withLock { state in
            guard state.hasNews else { return nil }
            state.hasNews = false
            state.untold = nil
            return state.staged
        }
    }

    var nextNumber: Int { state.withLock { $0.staged.nextNumber } }

    func digest() throws(BlobStoreError) -> Digest {
        guard let digest = spool.digest() else { throw .unavailable("an upload's hash is gone") }
        return digest
    }

    func settle(_ recorded: StagedBlob) async {
        let kept = Set(recorded.pieces)
        let gone = state.withLock { state in
            let gone = state.replaced.filter { !kept.contains($0) }
            state.replaced.removeAll { !kept.contains($0) }
            return gone
        }
        // What cannot go now goes with the upload, or is found by tidying.
        if !gone.isEmpty { _ = await store.removeForGood(gone.map { store.place(of: $0, recorded.id) }) }
    }

    func close() async {
        try? await drain.settle()
        await sending.end()
        // What cannot go now is found by collection.
        if let id = state.withLock({ $0.untold.take() }) { _ = await store.abort(id, key) }
    }

    /// Sends a part, behind the pieces that it begins with.
    private func send(_ part: SpooledPart, as number: Int) async throws(BlobStoreError) {
        let id = try await multipart()
        while sending.count >= Self.partsAtOnce { _ = try await awaitOldest() }
        let (tail, upload) = state.withLock { state in
            defer {
                state.replaced += state.tail
                state.tail = []
                // Kept for this request before it came; told as used when it lets go.
                if number != Self.shortPart { state.staged.nextNumber = number + 1 }
            }
            return (state.tail, state.staged.id)
        }
        let size = part.size + tail.reduce(0) { $0 + $1.size }
        let offset = nextOffset.withLock { next in
            defer { next += size }
            return next
        }
        let (store, spool, key) = (store, spool, key)
        sending.begin(Stretch(offset: offset, size: size, hashBehind: part.hashBehind)) {
            try await store.partLimiter { () throws(BlobStoreError) in
                let whole = tail.isEmpty ? part : try await store.assembled(tail, of: upload, part, spool)
                let sent = try await store.send(whole, as: number, of: id, key)
                spool.recycle(whole)
                return sent
            }
        }
    }

    /// Keeps what does not fill a part as a piece; together with those before it, if there are many.
    private func keep(_ part: SpooledPart, merged: Bool) async throws(BlobStoreError) {
        let (tail, staged) = state.withLock { ($0.tail, $0.staged) }
        let whole = merged ? try await store.assembled(tail, of: staged.id, part, spool) : part
        let before = tail.reduce(0) { $0 + $1.size }
        let start = nextOffset.withLock { $0 }
        let piece = StagedBlob.Piece(
            offset: merged ? start : start + before, size: whole.size, number: staged.epoch, tag: nil)
        try await store.putPiece(whole, at: store.place(of: piece, staged.id))
        state.withLock { state in
            if merged {
                state.replaced += tail
                state.staged.pieces.removeAll { $0.tag == nil }
                state.tail = []
            }
            state.staged.pieces.append(piece)
            state.tail.append(piece)
        }
    }

    private func multipart() async throws(BlobStoreError) -> String {
        let (id, upload) = state.withLock { ($0.staged.token, $0.staged.id) }
        if let id = id.flatMap(StagedParts.init)?.id { return id }
        let made = try await store.beginMultipart(key, nonce: store.mark(of: upload))
        state.withLock { state in
            state.staged.token = StagedParts(key: key, id: made).token
            state.untold = made
        }
        return made
    }

    /// Waits for the part that has been on its way the longest, and counts it; tells whether there was one.
    private func awaitOldest() async throws(BlobStoreError) -> Bool {
        guard let (stretch, part) = try await sending.next() else { return false }
        state.withLock { state in
            // In their order: no part counts before all that come before it are stored.
            state.staged.pieces.removeAll { $0.tag == nil }
            state.staged.pieces.append(
                StagedBlob.Piece(
                    offset: stretch.offset, size: stretch.size, number: Int64(part.number), tag: part.etag))
            state.staged.size = stretch.offset + stretch.size
            state.staged.hash = stretch.hashBehind
            state.hasNews = true
        }
        return true
    }
}
