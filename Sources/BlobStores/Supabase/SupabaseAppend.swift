internal import CustodeCore
internal import HTTPFetch
internal import NIOCore
internal import Synchronization

/// Bytes of a resumable upload on their way into objects of their own, a piece each.
final class SupabaseAppend: BlobAppend {
    /// How many pieces of one upload are on their way at once.
    private static let piecesAtOnce = 3
    /// How many bytes may wait to be hashed and spooled.
    private static let mayWait = 128 * 1_024
    /// How many small pieces may follow one another before they are put together.
    private static let mostSmall = 12
    private static let type = "application/octet-stream"

    private struct State {
        var staged: StagedBlob
        /// Where the next piece begins.
        var offset: Int64
        /// Pieces that what is told replaces.
        var replaced: [StagedBlob.Piece] = []
        /// What was stored and not told: a request that failed takes it along.
        var untold: [StagedBlob.Piece] = []
        var hasNews = false
        /// Why nothing more can follow what is stored.
        var failure: BlobStoreError?
    }

    /// What is known of a piece before it has arrived.
    private struct Stretch {
        let piece: StagedBlob.Piece
        let hashBehind: [UInt8]
    }

    private let store: SupabaseStore
    private let spool: PartSpool
    private let drain: SerialDrain
    private let state: Mutex<State>
    private let sending = SendingLine<Stretch, Void>()

    init(_ staged: StagedBlob, spool: PartSpool, store: SupabaseStore) {
        self.store = store
        self.spool = spool
        drain = SerialDrain(store.threads, highWater: Self.mayWait) { spool.take($0) }
        state = Mutex(State(staged: staged, offset: staged.size))
    }

    func write(_ bytes: ByteBuffer) async throws(BlobStoreError) {
        drain.push(bytes)
        try await drain.room()
        while let part = spool.takeComplete() { try await send(part) }
    }

    func seal(isWhole: Bool) async throws(BlobStoreError) -> StagedBlob {
        try await drain.settle()
        let last = try await store.threads.perform { () throws(BlobStoreError) in
            try self.drain.finish()
            return self.spool.cut()
        }
        while let part = spool.takeComplete() { try await send(part) }
        if last.part.size > 0 {
            let isAlone = sending.count == 0
            let small = state.withLock { state in
                // Behind pieces that are still on their way there is nothing to put together with.
                isAlone ? Self.smallEnd(of: state.staged) : []
            }
            if !isWhole, small.count >= Self.mostSmall {
                try await merge(small, last.part)
            } else {
                try await send(last.part)
            }
        }
        while try await awaitOldest() {}
        let end = state.withLock { state in state.staged.pieces.last.map { $0.offset + $0.size } ?? 0 }
        guard end == last.total else { throw .unavailable("an upload lacks a piece that was not stored") }
        return state.withLock { state in
            (state.staged.size, state.staged.hash) = (last.total, last.hash)
            state.untold = []
            return state.staged
        }
    }

    func passingCheckpoint() async throws(BlobStoreError) -> StagedBlob? {
        state.withLock { state in
            guard state.hasNews else { return nil }
            state.hasNews = false
            state.untold = []
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
        // What cannot go now is found by tidying.
        if !gone.isEmpty { _ = await store.removeStaged(gone.map { store.place(of: $0, recorded.id) }) }
    }

    func close() async {
        try? await drain.settle()
        // One that is cancelled may come to be after its removal: so each may end, if that does not take long.
        let unfinished = await sending.end(patience: store.configuration.patience).map(\.piece)
        let (left, id) = state.withLock { state in
            defer { state.untold = [] }
            return (state.untold + unfinished, state.staged.id)
        }
        guard !left.isEmpty else { return }
        let store = self.store
        let names = left.map { store.place(of: $0, id) }
        _ = await uninterrupted { await store.removeStaged(names) }
    }

    /// The small pieces at the end of what is stored.
    private static func smallEnd(of staged: StagedBlob) -> [StagedBlob.Piece] {
        Array(staged.pieces.reversed().prefix { $0.size < SupabaseStore.pieceSize }.reversed())
    }

    private func send(_ part: SpooledPart) async throws(BlobStoreError) {
        while sending.count >= Self.piecesAtOnce { _ = try await awaitOldest() }
        let size = part.size
        let (piece, id) = state.withLock { state in
            let piece = StagedBlob.Piece(offset: state.offset, size: size, number: state.staged.epoch, tag: nil)
            state.offset += size
            return (piece, state.staged.id)
        }
        let (store, spool) = (store, spool)
        let place = store.place(of: piece, id)
        sending.begin(Stretch(piece: piece, hashBehind: part.hashBehind)) {
            try await store.pieceLimiter { () throws(BlobStoreError) in
                try await store.write(part.body, to: place, contentType: Self.type)
                spool.recycle(part)
            }
        }
    }

    /// Keeps the last bytes together with the small pieces before them.
    private func merge(_ small: [StagedBlob.Piece], _ last: SpooledPart) async throws(BlobStoreError) {
        let staged = state.withLock { $0.staged }
        let before = small.reduce(0) { $0 + $1.size }
        guard let start = small.first?.offset else { return }
        var earlier = StagedBlob(id: staged.id, size: start + before)
        earlier.pieces = small
        let whole = SpooledPart(number: 1, hashes: false)
        do {
            for try await bytes in PiecesBlob(earlier, store: store).read(
                ByteRange(first: start, last: start + before - 1))
            {
                try await store.threads.perform { () throws(BlobStoreError) in
                    try whole.append(bytes) { () throws(BlobStoreError) in try self.spool.file() }
                }
            }
        } catch {
            throw error as? BlobStoreError ?? .cancelled
        }
        try await store.threads.perform { () throws(BlobStoreError) in
            try whole.append(contentsOf: last) { () throws(BlobStoreError) in try self.spool.file() }
            whole.finish([])
        }
        spool.recycle(last)
        let piece = StagedBlob.Piece(offset: start, size: whole.size, number: staged.epoch, tag: nil)
        state.withLock { $0.untold.append(piece) }
        try await store.write(whole.body, to: store.place(of: piece, staged.id), contentType: Self.type)
        state.withLock { state in
            state.staged.pieces.removeLast(small.count)
            state.staged.pieces.append(piece)
            state.replaced += small
            state.offset = piece.offset + piece.size
        }
    }

    /// Waits for the piece that has been on its way the longest, and counts it; tells whether there was one.
    private func awaitOldest() async throws(BlobStoreError) -> Bool {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        let arrived: (mark: Stretch, sent: Void)?
        do throws(BlobStoreError) {
            arrived = try await sending.next { stretch in state.withLock { $0.untold.append(stretch.piece) } }
        } catch {
            state.withLock { $0.failure = error }
            throw error
        }
        guard let stretch = arrived?.mark else { return false }
        state.withLock { state in
            state.untold.append(stretch.piece)
            // In their order: no piece counts before all that come before it are stored.
            guard stretch.piece.offset == state.staged.size else { return }
            state.staged.pieces.append(stretch.piece)
            state.staged.size = stretch.piece.offset + stretch.piece.size
            state.staged.hash = stretch.hashBehind
            state.hasNews = true
        }
        return true
    }
}
