public import CustodeCore
internal import Glibc
public import NIOPosix

/// A directory with files from before; symbolic links are told, and never followed.
public struct FolderSource: LegacySource {
    /// `dir:` and the directory's path without symbolic links.
    public let name: String
    /// No two names in a directory spell one path; a key of a bucket may be a path below a folder in it.
    public var mayContend: Bool { walk.key(of: walk.real + "/x") != nil }

    private let walk: FolderWalk.Roots
    private let threads: NIOThreadPool

    /// A directory by its path; one that is not absolute is taken from the working directory.
    ///
    /// - Parameter bucket: The directory that is the bucket, if it is one: files in it are objects, and have keys.
    /// - Throws: ``LegacySourceFault`` if there is no such directory.
    public init(path: String, bucket: String? = nil, threads: NIOThreadPool) throws {
        guard let real = FolderWalk.real(path) else {
            throw LegacySourceFault("dir:\(path): \(String(cString: strerror(errno)))")
        }
        var facts = stat()
        guard stat(real, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            throw LegacySourceFault("dir:\(path): it is no directory")
        }
        var given = path
        while given.utf8.count > 1, given.utf8.last == 0x2F { given.removeLast() }
        walk = FolderWalk.Roots(given: given, real: real, bucket: bucket.flatMap(FolderWalk.real))
        name = "dir:\(real)"
        self.threads = threads
    }

    /// Lists all of it, in the order in which the file system does.
    public func files() async throws -> any LegacyListing {
        FolderListing(walk: FolderWalk(walk), threads: threads)
    }
}

/// A listing whose walk one thread of the pool takes up, page by page.
private final class FolderListing: LegacyListing {
    // A listing is asked for one page at a time, each after the one before has come: whichever thread of the pool walks is
    // the only one, and the wait for it orders them.
    nonisolated(unsafe) private let walk: FolderWalk
    private let threads: NIOThreadPool

    init(walk: FolderWalk, threads: NIOThreadPool) {
        self.walk = walk
        self.threads = threads
    }

    func next() async throws -> [LegacyFile]? {
        try await threads.perform { () throws(BlobStoreError) in self.walk.page() }
    }
}
