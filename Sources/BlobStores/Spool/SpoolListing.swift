internal import CustodeCore
internal import NIOPosix
internal import Synchronization

/// One reading of a spool, from the first entry to the last.
final class SpoolListing: BlobListing {
    private static let pageSize = 4_096
    private static let readSize = 256 * 1_024

    private struct State {
        /// Bytes that were read and not yet taken apart.
        var pending: [UInt8] = []
        var offset = 0
        var count: Int
    }

    private let file: SpoolFile
    private let threads: NIOThreadPool
    private let length: Int
    private let state: Mutex<State>

    init(file: SpoolFile, threads: NIOThreadPool, count: Int, length: Int) {
        self.file = file
        self.threads = threads
        self.length = length
        state = Mutex(State(count: count))
    }

    /// The next entries; `nil` after the last.
    func next() async throws(BlobStoreError) -> ListingPage? {
        guard state.withLock({ $0.count > 0 }) else { return nil }
        return try await threads.perform { () throws(BlobStoreError) in
            // Nobody else waits for it: readings do not share it, and a reading asks once at a time.
            try self.state.withLock { state throws(BlobStoreError) in try self.page(&state) }
        }
    }

    private func page(_ state: inout State) throws(BlobStoreError) -> ListingPage? {
        let wanted = min(Self.pageSize, state.count)
        var blobs: [ListedBlob] = []
        blobs.reserveCapacity(wanted)
        while blobs.count < wanted {
            let taken = state.pending.withUnsafeBytes { bytes -> Int in
                var start = 0
                while blobs.count < wanted,
                    let (blob, length) = SpoolRecord.read(UnsafeRawBufferPointer(rebasing: bytes[start...]))
                {
                    blobs.append(blob)
                    start += length
                }
                return start
            }
            state.pending.removeFirst(taken)
            if blobs.count < wanted { try readOn(&state) }
        }
        state.count -= wanted
        return wanted == 0 ? nil : ListingPage(blobs: blobs)
    }

    private func readOn(_ state: inout State) throws(BlobStoreError) {
        let start = state.pending.count
        let more = min(Self.readSize, length - state.offset)
        guard more > 0 else { throw .unavailable("a temporary file holds less than was written") }
        state.pending.append(contentsOf: repeatElement(0, count: more))
        let result = state.pending.withUnsafeMutableBytes { bytes in
            Result { () throws(BlobStoreError) in
                try file.read(UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), at: state.offset)
            }
        }
        let count = try result.get()
        guard count > 0 else { throw .unavailable("a temporary file holds less than was written") }
        state.pending.removeLast(more - count)
        state.offset += count
    }
}
