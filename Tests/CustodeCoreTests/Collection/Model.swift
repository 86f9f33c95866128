import CustodeCore
import NIOCore
import Synchronization

/// The model's world: what stands for the bucket, the database, the clock and the mark at once.
final class Model: Sendable {
    let turnstile: Turnstile?
    private let state: Mutex<ModelState>
    private let calls = Mutex<(count: Int, failing: Int?, log: [String])>((0, nil, []))

    init(_ state: ModelState = ModelState(), turnstile: Turnstile? = nil) {
        self.state = Mutex(state)
        self.turnstile = turnstile
    }

    /// Looks at the state, or changes it, outside any step.
    func with<T: Sendable>(_ body: (inout ModelState) -> T) -> T { state.withLock { body(&$0) } }

    /// Lets the call of this number fail, counted from now.
    func fail(call: Int?) { calls.withLock { $0 = (0, call, []) } }

    /// The names of the calls since the last word on failures.
    var log: [String] { calls.withLock { $0.log } }

    /// One step of somebody: all or nothing.
    func step<T: Sendable>(_ call: String, _ body: (inout ModelState) -> T) async throws(CatalogError) -> T {
        do {
            try await turnstile?.step()
        } catch {
            throw .unavailable("crashed")
        }
        try check(call)
        return state.withLock { body(&$0) }
    }

    func storeStep<T: Sendable>(_ call: String, _ body: (inout ModelState) -> T) async throws(BlobStoreError) -> T {
        do throws(CatalogError) {
            return try await step(call, body)
        } catch {
            throw .unavailable("crashed, or made to fail")
        }
    }

    private func check(_ call: String) throws(CatalogError) {
        let fails = calls.withLock { calls in
            calls.log.append(call)
            defer { calls.count += 1 }
            return calls.failing == calls.count
        }
        if fails { throw .unavailable("made to fail: \(call)") }
    }
}

extension Model: WallClock {
    func now() -> Timestamp { with(\.now) }
}

extension Model: IdentityMarker {
    func read() async throws -> (identity: StorageIdentity, mark: String)? {
        try await storeStep("marker") { _ in }
        return (Self.identity, "the mark")
    }

    func set(_ identity: StorageIdentity) async throws {}

    static let identity = StorageIdentity(uuid: "u", environment: "test", systemID: "1")
}

/// Entries in memory.
final class MemorySpool: ListingSpool {
    private let entries = Mutex<[ListedBlob]>([])

    func append(_ blobs: [ListedBlob]) async throws(BlobStoreError) { entries.withLock { $0 += blobs } }

    func read() async throws(BlobStoreError) -> any BlobListing { MemoryListing([entries.withLock { $0 }]) }
}

/// Pages in memory.
final class MemoryListing: BlobListing {
    private let pages: Mutex<[[ListedBlob]]>

    init(_ pages: [[ListedBlob]]) { self.pages = Mutex(pages) }

    func next() async throws(BlobStoreError) -> ListingPage? {
        pages.withLock { pages in
            guard let first = pages.first(where: { !$0.isEmpty }) else { return nil }
            pages.removeAll { $0 == first }
            return ListingPage(blobs: first)
        }
    }
}

/// A hash that tells different plans apart, which is all that a model asks of it.
struct ModelHashing: Hashing {
    struct Running: RunningHash {
        var sum: UInt64 = 14_695_981_039_346_656_037

        mutating func update(_ bytes: ByteBuffer) {
            for byte in bytes.readableBytesView { sum = (sum ^ UInt64(byte)) &* 1_099_511_628_211 }
        }

        mutating func finish() -> Digest {
            let bytes = (0..<32).map { UInt8(truncatingIfNeeded: sum >> (UInt64($0 % 8) * 8)) }
            guard let digest = Digest(bytes) else { preconditionFailure("a digest has 32 bytes") }
            return digest
        }
    }

    func begin() -> any RunningHash { Running() }
}
