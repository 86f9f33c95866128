internal import CustodeCore
internal import HTTPFetch
internal import NIOCore
internal import Synchronization

/// One object on its way into a bucket: in one request if it is small, else in parts that are sent while more come.
final class S3Upload: BlobUpload {
    /// How many parts of one upload are on their way at once.
    private static let partsAtOnce = 4

    /// How many bytes may wait to be hashed and spooled.
    private static let mayWait = 128 * 1_024

    private struct State {
        /// The multipart upload; `nil` while there is none.
        var id: String?
        var sent: [S3Part] = []
        var only: SpooledPart?
        var size: Int64 = 0
        var isOver = false
    }

    private let key: ObjectKey
    private let store: S3Store
    private let spool: PartSpool
    private let drain: SerialDrain
    /// Tells this upload's object from every other.
    private let nonce: String
    private let state = Mutex(State())
    private let sending = SendingLine<Void, S3Part>()

    init(key: ObjectKey, plan: PartPlan, store: S3Store) {
        self.key = key
        self.store = store
        let spool = PartSpool(plan, directory: store.configuration.spoolDirectory)
        self.spool = spool
        drain = SerialDrain(store.threads, highWater: Self.mayWait) { spool.take($0) }
        nonce = Hex.encode(store.random.bytes(16))
    }

    func write(_ bytes: ByteBuffer) async throws(BlobStoreError) {
        drain.push(bytes)
        try await drain.room()
        try await sendComplete()
    }

    func seal() async throws(BlobStoreError) -> SealedBlob {
        try await drain.settle()
        let (blob, only) = try await store.threads.perform { () throws(BlobStoreError) in
            try self.drain.finish()
            return try self.spool.seal()
        }
        state.withLock { state in
            state.only = only
            state.size = blob.size
        }
        guard only == nil else { return blob }
        try await sendComplete()
        while try await awaitOldest() {}
        return blob
    }

    func publish(as key: ObjectKey) async throws(BlobStoreError) {
        let (only, id, parts, size) = state.withLock { ($0.only, $0.id, $0.sent, $0.size) }
        if let only {
            try await store.put(only, as: key.text, nonce: nonce)
        } else if let id {
            guard key == self.key else {
                throw .unavailable("the key of an upload in parts was taken while it was under way")
            }
            do throws(BlobStoreError) {
                try await store.complete(id, parts, as: key.text, size: size, nonce: nonce)
            } catch {
                // What may be an object by now is not taken apart: what is left of it, collection finds.
                if case .unsettled = error { state.withLock { $0.isOver = true } }
                throw error
            }
        } else {
            throw .unavailable("an upload was published before it was sealed")
        }
        state.withLock { $0.isOver = true }
    }

    func discard() async {
        try? await drain.settle()
        let id = state.withLock { state in
            defer {
                state.isOver = true
                state.only = nil
            }
            return state.isOver ? nil : state.id
        }
        await sending.end()
        // What cannot be aborted now, collection finds later.
        if let id { await store.abort(id, key.text) }
    }

    /// Sends the parts that are complete, waiting while enough are on their way.
    private func sendComplete() async throws(BlobStoreError) {
        while let part = spool.takeComplete() {
            let id = try await multipart()
            while sending.count >= Self.partsAtOnce { _ = try await awaitOldest() }
            let (store, spool, key) = (store, spool, key.text)
            sending.begin(()) {
                try await store.partLimiter { () throws(BlobStoreError) in
                    let sent = try await store.send(part, as: part.number, of: id, key)
                    spool.recycle(part)
                    return sent
                }
            }
        }
    }

    private func multipart() async throws(BlobStoreError) -> String {
        if let id = state.withLock({ $0.id }) { return id }
        let id = try await store.beginMultipart(key.text, nonce: nonce)
        state.withLock { $0.id = id }
        return id
    }

    /// Waits for the part that has been on its way the longest; tells whether there was one.
    private func awaitOldest() async throws(BlobStoreError) -> Bool {
        guard let (_, part) = try await sending.next() else { return false }
        state.withLock { $0.sent.append(part) }
        return true
    }
}

/// A part that the service acknowledged.
struct S3Part: Sendable {
    let number: Int
    let etag: String
}
