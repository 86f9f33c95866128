public import CustodeCore
internal import Glibc
public import NIOPosix

/// A bucket that is a directory of a local file system.
///
/// A key is a path beneath the root; nothing outside it can be reached by a name or by a symbolic link
/// (`openat2(2)` with `RESOLVE_BENEATH` and `RESOLVE_NO_SYMLINKS`). Bytes are received in an unnamed
/// file, which a crash takes with it, and are linked to their key only when they are durable.
public final class DirectoryStore: BlobStore {
    let root: Int32
    let path: String
    let threads: NIOThreadPool
    let directories: DurableDirectories
    let calls: FileSystemCalls
    let window: Int
    /// What makes uploads durable, if they share that.
    let groupSync: GroupSync?
    /// Whether other file systems may be mounted below the root, each to be synced by itself.
    let spansFileSystems: Bool

    /// Opens the directory, which must exist.
    ///
    /// - Parameters:
    ///   - threads: Where system calls that may wait for a disk are made.
    ///   - syncsTogether: Whether many uploads at once are made durable by one sync of the whole file system, rather than each
    ///     by its own: faster for many small ones, and no faster than whatever else is written there.
    ///   - spansFileSystems: Whether other file systems may be mounted below the root.
    /// - Throws: ``BlobStoreError/unavailable(_:)`` if it cannot be opened.
    public convenience init(
        path: String, threads: NIOThreadPool, syncsTogether: Bool = false, spansFileSystems: Bool = false
    ) throws(BlobStoreError) {
        try self.init(
            path: path, threads: threads, calls: .system, syncsTogether: syncsTogether,
            spansFileSystems: spansFileSystems)
    }

    /// Opens the directory.
    ///
    /// - Parameter calls: The system calls that tests let fail.
    /// - Parameter window: How many bytes of names of one directory a listing keeps.
    init(
        path: String, threads: NIOThreadPool, calls: FileSystemCalls, window: Int = NameWindow.usualSize,
        syncsTogether: Bool = false, spansFileSystems: Bool = false
    ) throws(BlobStoreError) {
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system("open the bucket directory \(path)") }
        root = descriptor
        self.path = path
        self.threads = threads
        self.calls = calls
        self.window = window
        directories = DurableDirectories(root: descriptor)
        self.spansFileSystems = spansFileSystems
        groupSync = syncsTogether ? GroupSync(root: descriptor, calls: calls, threads: threads) : nil
    }

    deinit { _ = Glibc.close(root) }

    /// Starts what will become one object.
    public func beginUpload(
        as key: ObjectKey, contentType: String, expectedSize: Int64?
    ) async throws(BlobStoreError) -> any BlobUpload {
        let descriptor = try await threads.perform { () throws(BlobStoreError) in
            if let expectedSize, try self.freeBytes() < expectedSize { throw .noRoom }
            return try self.unnamedFile()
        }
        return DirectoryUpload(file: descriptor, store: self)
    }

    /// Opens an object for reading; what is read belongs to one and the same writing of it.
    public func open(_ key: String, reading plan: RangePlan?) async throws(BlobStoreError) -> any OpenBlob {
        // Names the kernel has at hand are opened here and now; only the others cost a change of thread.
        if let blob = try openBlob(key, onlyIfCached: true) { return blob }
        return try await threads.perform { () throws(BlobStoreError) in
            guard let blob = try self.openBlob(key, onlyIfCached: false) else { throw .absent }
            return blob
        }
    }

    /// Confirms that it answers, and is fit for use.
    public func probe() async throws(BlobStoreError) {
        try await threads.perform { () throws(BlobStoreError) in
            _ = Glibc.close(try self.unnamedFile())
        }
    }

    func unnamedFile() throws(BlobStoreError) -> Int32 {
        let descriptor = Beneath.open(".", in: root, flags: O_RDWR | Beneath.unnamed, mode: 0o640)
        guard descriptor >= 0 else { throw .system("open a temporary file in \(path)", -descriptor) }
        return descriptor
    }

    func freeBytes() throws(BlobStoreError) -> Int64 {
        var facts = statvfs()
        guard fstatvfs(root, &facts) == 0 else { throw .system("ask for the free space of \(path)") }
        return Int64(
            clamping: UInt64(facts.f_bavail).multipliedReportingOverflow(by: UInt64(facts.f_frsize)).partialValue)
    }

    private func openBlob(_ key: String, onlyIfCached: Bool) throws(BlobStoreError) -> DirectoryBlob? {
        let descriptor = Beneath.open(
            key, in: root, flags: O_RDONLY | O_NOCTTY | O_NONBLOCK, mode: 0, onlyIfCached: onlyIfCached)
        if descriptor < 0 {
            switch -descriptor {
            case EAGAIN where onlyIfCached: return nil
            case let code where Beneath.meansAbsent(code): throw .absent
            default: throw .system("open an object", -descriptor)
            }
        }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            _ = Glibc.close(descriptor)
            throw .absent
        }
        return DirectoryBlob(
            file: descriptor, size: Int64(facts.st_size), facts: facts.blobFacts, threads: threads)
    }
}

extension BlobStoreError {
    /// What a failed system call means to the caller.
    static func system(_ what: String, _ code: Int32 = errno) -> BlobStoreError {
        switch code {
        case ENOSPC, EDQUOT, EFBIG: .noRoom
        case EEXIST: .keyTaken
        default: .unavailable("cannot \(what): \(String(cString: strerror(code)))")
        }
    }
}
