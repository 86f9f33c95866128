internal import CLinux
internal import CustodeCore
internal import Glibc

/// A walk over the regular files of a directory tree in the order of their keys' bytes, depth first.
///
/// Symbolic links are never followed, not even as directories. An entry that goes meanwhile is passed over; whatever else
/// fails ends the walk with an error, for good: a walk must never look complete when it is not.
final class DirectoryWalk {
    /// How many objects a page holds.
    private static let page = 4_096
    private static let buffer = 64 * 1_024

    private struct Level {
        let directory: Int32
        /// How many bytes of the path lead here.
        let path: Int
        let names: DirectoryNames
    }

    private let root: Int32
    private let excluded: [[UInt8]]
    private let window: Int
    private let buffer: UnsafeMutableRawBufferPointer
    private var levels: [Level] = []
    private var spare: [DirectoryNames] = []
    private var path: [UInt8]
    private var hasBegun = false
    private var failure: BlobStoreError?

    /// - Parameter root: The bucket, which must stay open as long as this.
    init(root: Int32, scope: ListingScope, window: Int) {
        self.root = root
        self.window = window
        path = Array(scope.prefix.utf8)
        excluded = scope.excluded.map { Array($0.utf8) }
        buffer = .allocate(byteCount: Self.buffer, alignment: 16)
    }

    deinit {
        for level in levels { _ = close(level.directory) }
        buffer.deallocate()
    }

    /// The next page; `nil` after the last.
    func next() throws(BlobStoreError) -> ListingPage? {
        if let failure { throw failure }
        do throws(BlobStoreError) {
            if !hasBegun { try begin() }
            return try fill()
        } catch {
            failure = error
            throw error
        }
    }

    private func begin() throws(BlobStoreError) {
        hasBegun = true
        let prefix = path.isEmpty ? "." : String(decoding: path.dropLast(), as: UTF8.self)
        let directory = Beneath.open(prefix, in: root, flags: O_RDONLY | O_DIRECTORY)
        if [ENOENT, ENOTDIR, ELOOP].contains(-directory) { return }
        guard directory >= 0 else { throw .system("open a directory of the bucket", -directory) }
        enter(directory)
    }

    private func enter(_ directory: Int32) {
        let names = spare.popLast() ?? DirectoryNames(window: window)
        names.begin(directory)
        levels.append(Level(directory: directory, path: path.count, names: names))
    }

    private func fill() throws(BlobStoreError) -> ListingPage? {
        var blobs: [ListedBlob] = []
        blobs.reserveCapacity(Self.page)
        var unreadable = 0
        while blobs.count + unreadable < Self.page, let level = levels.last {
            guard let name = try level.names.next(buffer) else {
                _ = close(level.directory)
                levels.removeLast()
                spare.append(level.names)
                continue
            }
            path.removeLast(path.count - level.path)
            path += name
            if name.last == 0x2F {
                if !excluded.contains(path) { try descend(from: level) }
            } else if let facts = try facts(level) {
                if let key = String(validating: path, as: UTF8.self) {
                    blobs.append(ListedBlob(key: key, facts: facts))
                } else {
                    unreadable += 1
                }
            }
        }
        return blobs.isEmpty && unreadable == 0 ? nil : ListingPage(blobs: blobs, unreadable: unreadable)
    }

    private func descend(from level: Level) throws(BlobStoreError) {
        let directory = lastName(level, count: path.count - 1) {
            openat(level.directory, $0, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        if directory >= 0 { return enter(directory) }
        guard [ENOENT, ENOTDIR, ELOOP].contains(errno) else { throw .system("open a directory of the bucket") }
    }

    private func facts(_ level: Level) throws(BlobStoreError) -> BlobFacts? {
        var facts = stat()
        let result = lastName(level, count: path.count) {
            fstatat(level.directory, $0, &facts, AT_SYMLINK_NOFOLLOW)
        }
        guard result == 0 else {
            if errno == ENOENT { return nil }
            throw .system("look at an object")
        }
        return facts.st_mode & S_IFMT == S_IFREG ? BlobFacts(facts) : nil
    }

    /// The last name of the path, as C has it.
    private func lastName<T>(_ level: Level, count: Int, _ body: (UnsafePointer<CChar>) -> T) -> T {
        path.append(0)
        if count < path.count - 1 { path[count] = 0 }
        let result = path.withUnsafeBytes { bytes in
            bytes.baseAddress.map { body($0.assumingMemoryBound(to: CChar.self) + level.path) }
        }
        if count < path.count - 1 { path[count] = 0x2F }
        path.removeLast()
        guard let result else { preconditionFailure("a path with a NUL is not empty") }
        return result
    }
}

extension BlobFacts {
    /// What a file system tells of a file; the tag changes with inode, time of change and size.
    init(_ facts: stat) {
        let nanoseconds = Int64(facts.st_mtim.tv_sec) * 1_000_000_000 + Int64(facts.st_mtim.tv_nsec)
        var text: [UInt8] = []
        text.reserveCapacity(40)
        for (index, number) in [UInt64(facts.st_ino), UInt64(bitPattern: nanoseconds), UInt64(facts.st_size)]
            .enumerated()
        {
            if index > 0 { text.append(0x2D) }
            Self.append(number, to: &text)
        }
        self.init(
            etag: String(decoding: text, as: UTF8.self), size: Int64(facts.st_size),
            modified: Timestamp(microseconds: nanoseconds / 1_000))
    }

    private static func append(_ number: UInt64, to text: inout [UInt8]) {
        var shift = max(0, (67 - number.leadingZeroBitCount) / 4 - 1) * 4
        while shift >= 0 {
            let digit = UInt8(truncatingIfNeeded: number >> UInt64(shift)) & 0xF
            text.append(digit < 10 ? 0x30 + digit : 0x57 + digit)
            shift -= 4
        }
    }
}
