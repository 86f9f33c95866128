internal import CustodeCore
internal import Glibc

/// The names of one directory in the order in which keys have them, a window of them at a time.
///
/// A directory gives its names in no order. However many it holds, only as many are kept as a limit on memory
/// allows: the smallest beyond those already taken. A directory with more is read again for the next ones.
final class NameWindow {
    /// How many bytes are kept where nothing else is asked for: a third of a million names of a usual length.
    static let usualSize = 16 * 1_024 * 1_024

    /// A name taken from a window; its bytes live until the next is taken.
    struct Name {
        /// The bytes, and the NUL after them.
        let text: UnsafeBufferPointer<UInt8>
        let isDirectory: Bool

        var cString: UnsafePointer<CChar> {
            // The arena is never empty where there is a name.
            UnsafeRawPointer(text.baseAddress.unsafelyUnwrapped).assumingMemoryBound(to: CChar.self)
        }
        /// The bytes alone.
        var bytes: Slice<UnsafeBufferPointer<UInt8>> { text.dropLast() }
    }

    private struct Entry {
        let offset: UInt32
        let length: UInt32
    }

    private static let separator = UInt8(ascii: "/")

    private let size: Int
    private let calls: FileSystemCalls
    private(set) var descriptor: Int32 = -1
    // Each name ends with what follows it in a key: a slash after a directory, nothing (NUL) after a file. Thus
    // plain comparison of bytes yields the order of the keys, and no name is the beginning of another.
    private var arena = NameArena()
    private var entries: [Entry] = []
    private var next = 0
    private var last: [UInt8] = []
    private var hasMore = true

    init(size: Int, calls: FileSystemCalls) {
        self.size = size
        self.calls = calls
    }

    deinit { close() }

    /// Begins with a directory, whose descriptor it takes over.
    func start(_ descriptor: Int32) {
        close()
        self.descriptor = descriptor
        entries.removeAll(keepingCapacity: true)
        next = 0
        last.removeAll(keepingCapacity: true)
        hasMore = true
    }

    /// Lets go of the directory.
    func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    /// The next name, a file's or a directory's; `nil` after the last.
    ///
    /// - Parameter buffer: Where entries are read into.
    /// - Throws: The error number of the call that failed.
    func take(_ buffer: UnsafeMutableRawBufferPointer) throws(SystemCallFailure) -> Name? {
        while true {
            if next == entries.count {
                guard hasMore else { return nil }
                try fill(buffer)
                if entries.isEmpty { return nil }
            }
            let entry = entries[next]
            next += 1
            // A directory that changes while it is read may give a name twice.
            if next < entries.count, compare(entry, entries[next]) == 0 { continue }
            let text = arena.base + Int(entry.offset)
            let end = text + Int(entry.length - 1)
            let isDirectory = end.pointee == Self.separator
            end.pointee = 0
            return Name(
                text: UnsafeBufferPointer(start: text, count: Int(entry.length)), isDirectory: isDirectory)
        }
    }

    private func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(SystemCallFailure) {
        let isFirst = last.isEmpty
        entries.removeAll(keepingCapacity: true)
        arena.removeAll()
        next = 0
        hasMore = false
        if !isFirst, lseek(descriptor, 0, SEEK_SET) != 0 { throw SystemCallFailure(code: errno) }
        // The greatest that was kept, once there were more than fit. Of what is not greater, all is kept.
        var limit: [UInt8] = []
        while true {
            let count = calls.entries(descriptor, buffer)
            guard count >= 0 else { throw SystemCallFailure(code: Int32(-count)) }
            if count == 0 { break }
            for entry in DirectoryEntries(UnsafeRawBufferPointer(buffer).prefix(count)) {
                guard let isDirectory = try kind(of: entry) else { continue }
                let offset = arena.append(entry.name, then: isDirectory ? Self.separator : 0)
                let added = Entry(offset: UInt32(offset), length: UInt32(arena.count - offset))
                if (isFirst || compare(added, last) > 0) && (limit.isEmpty || compare(added, limit) < 0) {
                    entries.append(added)
                    if isFull { limit = cut() }
                } else {
                    arena.removeAll(from: offset)
                }
            }
        }
        sort()
        // With names left over the last to be taken is the limit, or one before it that is still there.
        if hasMore { last = limit }
    }

    private var isFull: Bool {
        entries.count > 1 && arena.count + entries.count * MemoryLayout<Entry>.stride >= size
    }

    /// Keeps the smaller half of the names; returns the greatest of them.
    private func cut() -> [UInt8] {
        sort()
        hasMore = true
        entries.removeLast(entries.count / 2)
        var kept = NameArena()
        for place in entries.indices {
            let bytes = bytes(entries[place])
            let name = UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes.dropLast()))
            let offset = kept.append(name, then: bytes[bytes.count - 1])
            entries[place] = Entry(offset: UInt32(offset), length: UInt32(bytes.count))
        }
        arena = kept
        return Array(bytes(entries[entries.count - 1]))
    }

    private func bytes(_ entry: Entry) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: arena.base + Int(entry.offset), count: Int(entry.length))
    }

    private func sort() {
        guard entries.count > 1 else { return }
        let base = arena.base
        entries.sort { left, right in
            memcmp(base + Int(left.offset), base + Int(right.offset), Int(min(left.length, right.length))) < 0
        }
    }

    private func compare(_ entry: Entry, _ bytes: [UInt8]) -> Int32 {
        memcmp(arena.base + Int(entry.offset), bytes, min(Int(entry.length), bytes.count))
    }

    private func compare(_ left: Entry, _ right: Entry) -> Int32 {
        memcmp(arena.base + Int(left.offset), arena.base + Int(right.offset), Int(min(left.length, right.length)))
    }

    /// Whether it is a directory rather than a file; `nil` for what is neither, or is gone.
    private func kind(of entry: DirectoryEntries.Entry) throws(SystemCallFailure) -> Bool? {
        switch Int(entry.type) {
        case DT_DIR: return entry.isSelfOrParent ? nil : true
        case DT_REG: return false
        case DT_UNKNOWN where !entry.isSelfOrParent:
            // Not every file system tells the kind with the name.
            var facts = stat()
            let code = calls.status(descriptor, entry.cString, &facts)
            if code == -ENOENT { return nil }
            guard code == 0 else { throw SystemCallFailure(code: -code) }
            if facts.isRegular { return false }
            return facts.st_mode & S_IFMT == S_IFDIR ? true : nil
        default: return nil
        }
    }
}

/// A system call that failed, by the error number.
struct SystemCallFailure: Error {
    let code: Int32
}
