internal import CustodeCore
internal import HTTPFetch
internal import NIOCore
internal import Synchronization

/// One object on its way into a bucket: in one request if it is small, else in pieces that are sent while more come.
///
/// Where nobody said how many bytes there will be, all are spooled first: the service wants to know before it takes any.
final class SupabaseUpload: BlobUpload {
    /// How many bytes may wait to be hashed and spooled.
    private static let mayWait = 128 * 1_024
    /// How many pieces may wait for those before them to be sent.
    private static let piecesAhead = 2

    private struct State {
        var tus: SupabaseTus?
        /// What is sent to make the object: all of it, or the last piece.
        var last: SpooledPart?
        var size: Int64 = 0
        var isOver = false
    }

    private let target: SupabaseTarget
    private let store: SupabaseStore
    private let expectedSize: Int64?
    private let spool: PartSpool
    private let drain: SerialDrain
    private let state = Mutex(State())
    /// Pieces on their way, one behind the other, as the protocol has it.
    private let sending = SendingLine<Void, Void>()

    init(_ target: SupabaseTarget, expectedSize: Int64?, store: SupabaseStore) {
        self.target = target
        self.store = store
        self.expectedSize = expectedSize
        let plan = PartPlan(partSize: expectedSize == nil ? PartPlan.largestObject : SupabaseStore.pieceSize)
        let spool = PartSpool(plan, directory: store.configuration.spoolDirectory, hashesParts: false)
        self.spool = spool
        drain = SerialDrain(store.threads, highWater: Self.mayWait) { spool.take($0) }
    }

    func write(_ bytes: ByteBuffer) async throws(BlobStoreError) {
        drain.push(bytes)
        try await drain.room()
        while let piece = spool.takeComplete() { try await send(piece) }
    }

    func seal() async throws(BlobStoreError) -> SealedBlob {
        try await drain.settle()
        let (blob, only) = try await store.threads.perform { () throws(BlobStoreError) in
            try self.drain.finish()
            return try self.spool.seal()
        }
        if let expectedSize, expectedSize != blob.size { throw Self.wrongSize }
        var last = only
        if only == nil {
            while let piece = spool.takeComplete() {
                // The last one makes the object, so it waits.
                if Self.end(of: piece) >= blob.size { last = piece } else { try await send(piece) }
            }
        }
        let ready = last
        state.withLock { state in
            state.last = ready
            state.size = blob.size
        }
        while try await sending.next() != nil {}
        return blob
    }

    func publish(as key: ObjectKey) async throws(BlobStoreError) {
        guard key.text == target.key else {
            guard state.withLock({ $0.tus }) == nil else {
                throw .unavailable("the key of an upload in pieces was taken while it was under way")
            }
            return try await publish(
                SupabaseTarget(key: key.text, contentType: target.contentType, nonce: target.nonce))
        }
        try await publish()
    }

    /// Makes the object at the key that it was begun with.
    func publish() async throws(BlobStoreError) { try await publish(target) }

    private func publish(_ target: SupabaseTarget) async throws(BlobStoreError) {
        let (last, size, tus) = state.withLock { ($0.last, $0.size, $0.tus) }
        guard let last else { throw .unavailable("an upload was published before it was sealed") }
        do throws(BlobStoreError) {
            if size <= SupabaseStore.pieceSize {
                try await store.put(last, as: target)
            } else if let tus {
                try await tus.finish(SpooledStretch(last), at: size - last.size)
            } else {
                try await sendAll(last, as: target)
            }
        } catch {
            // What may be an object by now is not given up.
            if case .unsettled = error { state.withLock { $0.isOver = true } }
            throw error
        }
        state.withLock { $0.isOver = true }
    }

    /// Sends what was spooled whole.
    private func sendAll(_ whole: SpooledPart, as target: SupabaseTarget) async throws(BlobStoreError) {
        if try await store.look(target.key) != nil { throw .keyTaken }
        let tus = try await SupabaseTus(target, size: whole.size, store: store)
        do throws(BlobStoreError) {
            var offset: Int64 = 0
            while whole.size - offset > SupabaseStore.pieceSize {
                try await tus.send(
                    SpooledStretch(whole, from: offset, count: SupabaseStore.pieceSize), at: offset)
                offset += SupabaseStore.pieceSize
            }
            try await tus.finish(SpooledStretch(whole, from: offset, count: whole.size - offset), at: offset)
        } catch {
            if case .unsettled = error {} else { await tus.discard() }
            throw error
        }
    }

    func discard() async {
        try? await drain.settle()
        let tus = state.withLock { state in
            defer {
                state.isOver = true
                state.last = nil
            }
            return state.isOver ? nil : state.tus
        }
        await sending.end()
        // What cannot be given up now, the service gives up in time.
        await tus?.discard()
    }

    private static func end(of piece: SpooledPart) -> Int64 {
        Int64(piece.number - 1) * SupabaseStore.pieceSize + piece.size
    }

    private static let wrongSize = BlobStoreError.unavailable(
        "an upload has another number of bytes than was told at its beginning")

    /// Sends a piece that others follow.
    private func send(_ piece: SpooledPart) async throws(BlobStoreError) {
        // With as many bytes as were told the service would make an object that nobody has published.
        guard Self.end(of: piece) < expectedSize ?? .max else { throw Self.wrongSize }
        let tus = try await begun()
        while sending.count > Self.piecesAhead { _ = try await sending.next() }
        let (store, spool) = (store, spool)
        let before = sending.last
        sending.begin(()) {
            try await before?.value
            try await store.pieceLimiter { () throws(BlobStoreError) in
                try await tus.send(SpooledStretch(piece), at: Self.end(of: piece) - piece.size)
                spool.recycle(piece)
            }
        }
    }

    private func begun() async throws(BlobStoreError) -> SupabaseTus {
        if let tus = state.withLock({ $0.tus }) { return tus }
        guard let expectedSize else { throw .unavailable("an upload of unknown size came in pieces") }
        let tus = try await SupabaseTus(target, size: expectedSize, store: store)
        state.withLock { $0.tus = tus }
        return tus
    }
}
