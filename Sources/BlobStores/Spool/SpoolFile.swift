internal import CustodeCore
internal import Glibc
internal import NIOCore

/// The unnamed file of a spool; a crash takes it with the process.
final class SpoolFile: Sendable {
    /// Open as long as this is.
    let descriptor: Int32
    private let directory: String

    /// Makes the file in a directory, for nobody but this process.
    ///
    /// - Throws: ``BlobStoreError/unavailable(_:)``, as all of its calls, whatever the reason: it is not the bucket's.
    init(directory: String) throws(BlobStoreError) {
        descriptor = Glibc.open(directory, O_RDWR | O_CLOEXEC | Beneath.unnamed, 0o600)
        self.directory = directory
        guard descriptor >= 0 else { throw failure("open", errno) }
    }

    deinit { _ = Glibc.close(descriptor) }

    private func failure(_ what: String, _ code: Int32) -> BlobStoreError {
        .unavailable(
            "cannot \(what) a temporary file in the state directory \(directory): \(String(cString: strerror(code)))")
    }

    /// Writes bytes at a place.
    func write(_ bytes: [UInt8], at offset: Int) throws(BlobStoreError) {
        let code = bytes.withUnsafeBytes { writeAll($0, at: offset) }
        guard code == 0 else { throw failure("write", code) }
    }

    /// Writes bytes at a place.
    func write(_ bytes: ByteBuffer, at offset: Int) throws(BlobStoreError) {
        let code = bytes.withUnsafeReadableBytes { writeAll($0, at: offset) }
        guard code == 0 else { throw failure("write", code) }
    }

    private func writeAll(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Int32 {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            if count < 0 {
                if errno == EINTR { continue }
                return errno
            }
            done += count
        }
        return 0
    }

    /// Reads bytes from a place on, as many as fit and as there are.
    func read(_ space: UnsafeMutableRawBufferPointer, at offset: Int) throws(BlobStoreError) -> Int {
        while true {
            let count = pread(descriptor, space.baseAddress, space.count, off_t(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { throw failure("read", errno) }
        }
    }
}
