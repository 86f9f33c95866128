public import CustodeCore
public import NIOPosix
internal import Synchronization

/// A spool that is an unnamed file, which goes with it, and with a crash.
///
/// It is told in order what to take: one call at a time appends.
public final class FileSpool: ListingSpool {
    /// How many bytes are gathered before they are written.
    private static let bufferSize = 256 * 1_024

    private struct State {
        var buffer: [UInt8] = []
        /// How many bytes were written, or are on their way to the file.
        var written = 0
        var count = 0
        var isSealed = false
        var failure: BlobStoreError?
    }

    private let file: SpoolFile
    private let threads: NIOThreadPool
    private let state = Mutex(State())

    /// Makes the file in a directory, which must exist; only this process can read it.
    ///
    /// - Parameter threads: Where it is written and read.
    /// - Throws: ``BlobStoreError/unavailable(_:)``.
    public init(directory: String, threads: NIOThreadPool) throws(BlobStoreError) {
        file = try SpoolFile(directory: directory)
        self.threads = threads
    }

    /// Takes further entries; after a failure it takes none any more.
    public func append(_ blobs: [ListedBlob]) async throws(BlobStoreError) {
        let isSealed = state.withLock { $0.isSealed }
        guard !isSealed else { throw .unavailable("a spool that is read takes no more entries") }
        var rest = blobs[...]
        while !rest.isEmpty {
            let full = state.withLock { state in
                while state.buffer.count < Self.bufferSize, let blob = rest.popFirst() {
                    SpoolRecord.write(blob, to: &state.buffer)
                    state.count += 1
                }
                return state.buffer.count >= Self.bufferSize
            }
            if full { try await flush() }
        }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Reads all entries from the first; none may be added from then on.
    public func read() async throws(BlobStoreError) -> any BlobListing {
        state.withLock { $0.isSealed = true }
        try await flush()
        let (count, length) = state.withLock { ($0.count, $0.written) }
        return SpoolListing(file: file, threads: threads, count: count, length: length)
    }

    private func flush() async throws(BlobStoreError) {
        let (bytes, offset, failure) = state.withLock { state in
            let taken = (state.buffer, state.written, state.failure)
            state.written += state.buffer.count
            state.buffer = []
            state.buffer.reserveCapacity(Self.bufferSize + 1_024)
            return taken
        }
        if let failure { throw failure }
        guard !bytes.isEmpty else { return }
        do throws(BlobStoreError) {
            try await threads.perform { () throws(BlobStoreError) in try self.file.write(bytes, at: offset) }
        } catch {
            state.withLock { $0.failure = error }
            throw error
        }
    }
}
