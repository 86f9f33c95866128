import CustodeCore
import CustodeTesting
import NIOCore
import Synchronization

/// A store in memory whose calls can be made to fail.
final class FakeStore: BlobStore {
    enum Call: Hashable { case beginUpload, write, seal, publish, open }

    struct State {
        var objects: [String: [UInt8]] = [:]
        var faults: [Call: BlobStoreError] = [:]
        /// Uploads that were begun and neither published nor discarded.
        var openUploads = 0
        /// Adds to what is told of a sealed body's size.
        var sizeError: Int64 = 0
        /// How many publications, from now on, find their key taken whatever it is.
        var keysTaken = 0
        /// Fails a publication after the object stands at its key, as a directory that cannot be synced does.
        var failsAfterPublishing = false
        /// What else happens while a body is sealed.
        var whileSealing: (@Sendable () -> Void)?
    }

    let journal: Journal
    let state = Mutex(State())

    init(_ journal: Journal) { self.journal = journal }

    func fail(_ call: Call, _ error: BlobStoreError) { state.withLock { $0.faults[call] = error } }

    var objects: [String: [UInt8]] { state.withLock { $0.objects } }
    var openUploads: Int { state.withLock { $0.openUploads } }

    func check(_ call: Call) throws(BlobStoreError) {
        if let fault = state.withLock({ $0.faults[call] }) { throw fault }
    }

    func beginUpload(as key: ObjectKey, contentType: String, expectedSize: Int64?) async throws(BlobStoreError)
        -> any BlobUpload
    {
        journal.note(.beginUpload)
        try check(.beginUpload)
        state.withLock { $0.openUploads += 1 }
        return FakeUpload(self)
    }

    func open(_ key: String, reading plan: RangePlan?) async throws(BlobStoreError) -> any OpenBlob {
        journal.note(.open(key))
        try check(.open)
        guard let bytes = objects[key] else { throw .absent }
        return FakeBlob(bytes: bytes)
    }

    func probe() async throws(BlobStoreError) {}
}

/// An upload into a `FakeStore`.
final class FakeUpload: BlobUpload {
    private struct State {
        var bytes: [UInt8] = []
        var hasEnded = false
    }

    private let store: FakeStore
    private let state = Mutex(State())

    init(_ store: FakeStore) { self.store = store }

    func write(_ bytes: ByteBuffer) async throws(BlobStoreError) {
        store.journal.note(.write)
        try store.check(.write)
        state.withLock { $0.bytes += bytes.readableBytesView }
    }

    func seal() async throws(BlobStoreError) -> SealedBlob {
        store.journal.note(.seal)
        store.state.withLock { $0.whileSealing }?()
        try store.check(.seal)
        let bytes = state.withLock { $0.bytes }
        guard let digest = Digest(SHA256.digest(bytes)) else { throw .unavailable("no digest") }
        return SealedBlob(size: Int64(bytes.count) + store.state.withLock { $0.sizeError }, sha256: digest)
    }

    func publish(as key: ObjectKey) async throws(BlobStoreError) {
        store.journal.note(.publishBlob(key.text))
        try store.check(.publish)
        let bytes = state.withLock { $0.bytes }
        let (isTaken, fails) = store.state.withLock { store in
            if store.keysTaken > 0 {
                store.keysTaken -= 1
                return (true, false)
            }
            guard store.objects[key.text] == nil else { return (true, false) }
            store.objects[key.text] = bytes
            return (false, store.failsAfterPublishing)
        }
        if isTaken { throw .keyTaken }
        if fails { throw .unsettled("the directory cannot be synced") }
        end()
    }

    func discard() async {
        store.journal.note(.discard)
        end()
    }

    private func end() {
        let ends = state.withLock { state in
            defer { state.hasEnded = true }
            return !state.hasEnded
        }
        if ends { store.state.withLock { $0.openUploads -= 1 } }
    }
}

/// An object of a `FakeStore`.
struct FakeBlob: OpenBlob {
    let bytes: [UInt8]

    var size: Int64 { Int64(bytes.count) }
    var file: NIOFileHandle? { nil }

    func read(_ range: ByteRange) -> AsyncThrowingStream<ByteBuffer, any Error> {
        AsyncThrowingStream { continuation in
            continuation.yield(ByteBuffer(bytes: bytes[Int(range.first)...Int(range.last)]))
            continuation.finish()
        }
    }
}
