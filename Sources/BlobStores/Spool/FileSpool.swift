internal import CLinux
public import CustodeCore
internal import Glibc
public import NIOPosix
internal import Synchronization

/// A spool in a file without a name, which goes with its descriptor however the process ends.
///
/// Each entry is one record: the lengths of key and tag (4 bytes each), size and time (8 bytes each), key, tag.
public final class FileSpool: ListingSpool {
    static let bufferSize = 256 * 1_024

    let descriptor: Int32
    private let directory: String
    let threads: NIOThreadPool
    private let buffered = Mutex<[UInt8]>([])

    /// Makes an empty spool.
    ///
    /// - Parameters:
    ///   - directory: Where the file lies; it must exist.
    ///   - threads: Where system calls are made.
    /// - Throws: ``BlobStoreError/unavailable(_:)``, as all of its calls, whatever the reason: it is not the bucket's.
    public init(directory: String, threads: NIOThreadPool) throws(BlobStoreError) {
        let file = open(directory, O_RDWR | O_CLOEXEC | custode_o_tmpfile, 0o600)
        guard file >= 0 else { throw Self.failure("make a temporary file", directory) }
        descriptor = file
        self.directory = directory
        self.threads = threads
    }

    private static func failure(_ what: String, _ directory: String) -> BlobStoreError {
        .unavailable("cannot \(what) in the state directory \(directory): \(String(cString: strerror(errno)))")
    }

    func failure(_ what: String) -> BlobStoreError { Self.failure(what, directory) }

    deinit { _ = close(descriptor) }

    /// Takes further entries.
    public func append(_ blobs: [ListedBlob]) async throws(BlobStoreError) {
        let isFull = buffered.withLock { bytes in
            for blob in blobs { Self.encode(blob, &bytes) }
            return bytes.count >= Self.bufferSize
        }
        if isFull { try await flush() }
    }

    /// Reads all entries from the first.
    public func read() async throws(BlobStoreError) -> any BlobListing {
        try await flush()
        let size = lseek(descriptor, 0, SEEK_END)
        guard size >= 0 else { throw failure("read a temporary file") }
        return SpoolReader(self, size: Int64(size))
    }

    private func flush() async throws(BlobStoreError) {
        let bytes = buffered.withLock { bytes in
            defer { bytes.removeAll(keepingCapacity: true) }
            return bytes
        }
        guard !bytes.isEmpty else { return }
        try await threads.perform { () throws(BlobStoreError) in
            if let failure = self.write(bytes) { throw failure }
        }
    }

    private func write(_ bytes: [UInt8]) -> BlobStoreError? {
        guard lseek(descriptor, 0, SEEK_END) >= 0 else { return failure("write a temporary file") }
        return bytes.withUnsafeBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count < 0 {
                    if errno == EINTR { continue }
                    return failure("write a temporary file")
                }
                rest = rest.dropFirst(count)
            }
            return nil
        }
    }

    private static func encode(_ blob: ListedBlob, _ bytes: inout [UInt8]) {
        let (key, etag) = (blob.key.utf8, blob.facts.etag.utf8)
        withUnsafeBytes(of: (UInt32(key.count), UInt32(etag.count), blob.facts.size, blob.facts.modified.microseconds))
        {
            bytes.append(contentsOf: $0)
        }
        bytes.append(contentsOf: key)
        bytes.append(contentsOf: etag)
    }
}
