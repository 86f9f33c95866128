internal import CLinux
internal import CustodeCore
internal import Glibc

/// The entries of one directory in the order of their bytes, a bounded window of them at a time.
///
/// A directory counts as its name with a slash behind, which is how it sorts among full keys. Where there are more entries
/// than the window holds the directory is read again for each window: memory stays flat, whatever lies in it.
final class DirectoryNames {
    /// How many names are held at a time.
    static let window = 65_536

    private struct Name {
        let start: UInt32
        let length: UInt16
    }

    private let limit: Int
    private var directory: Int32 = -1
    private var bytes: [UInt8] = []
    private var names: [Name] = []
    private var place = 0
    private var mayBeMore = false
    private var hasBound = false
    // The last name taken, and the largest that a full window keeps.
    private var last: [UInt8] = []
    private var bound: [UInt8] = []

    init(window: Int = DirectoryNames.window) { limit = window }

    /// Begins another directory, whose descriptor stays the caller's.
    func begin(_ directory: Int32) {
        self.directory = directory
        bytes.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        last.removeAll(keepingCapacity: true)
        place = 0
        mayBeMore = true
    }

    /// The next name, a directory's with a slash behind; `nil` after the last.
    ///
    /// - Parameter buffer: Room for what the kernel tells.
    func next(_ buffer: UnsafeMutableRawBufferPointer) throws(BlobStoreError) -> ArraySlice<UInt8>? {
        if place == names.count {
            guard mayBeMore else { return nil }
            try fill(buffer)
            if names.isEmpty { return nil }
        }
        let name = names[place]
        place += 1
        let slice = bytes[Int(name.start)..<Int(name.start) + Int(name.length)]
        if place == names.count, mayBeMore { last = Array(slice) }
        return slice
    }

    private func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(BlobStoreError) {
        bytes.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: true)
        place = 0
        mayBeMore = false
        hasBound = false
        guard lseek(directory, 0, SEEK_SET) == 0 else { throw .system("read a directory of the bucket") }
        while true {
            let count = custode_getdents(directory, buffer.baseAddress, UInt(buffer.count))
            if count == -Int(ENOENT) { break }
            guard count >= 0 else { throw .system("read a directory of the bucket", Int32(-count)) }
            if count == 0 { break }
            try take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
        sort()
        if names.count > limit { trim() }
    }

    /// Takes the records of `struct linux_dirent64`: inode (8), offset (8), length (2), type (1), name, NUL.
    private func take(_ records: UnsafeRawBufferPointer) throws(BlobStoreError) {
        var start = 0
        while start < records.count {
            let length = Int(records.loadUnaligned(fromByteOffset: start + 16, as: UInt16.self))
            let type = records[start + 18]
            var end = start + 19
            while records[end] != 0 { end += 1 }
            try take(UnsafeRawBufferPointer(rebasing: records[(start + 19)..<end]), type: type)
            start += length
        }
    }

    private func take(_ name: UnsafeRawBufferPointer, type: UInt8) throws(BlobStoreError) {
        if name[0] == 0x2E, name.count == 1 || name.count == 2 && name[1] == 0x2E { return }
        var isDirectory = type == UInt8(DT_DIR)
        if type == UInt8(DT_UNKNOWN) {
            var facts = stat()
            let path = name.baseAddress?.assumingMemoryBound(to: CChar.self)
            guard let path, fstatat(directory, path, &facts, AT_SYMLINK_NOFOLLOW) == 0 else { return }
            isDirectory = facts.st_mode & S_IFMT == S_IFDIR
            guard isDirectory || facts.st_mode & S_IFMT == S_IFREG else { return }
        } else {
            // Links and special files are nobody's objects.
            guard isDirectory || type == UInt8(DT_REG) else { return }
        }
        let begin = bytes.count
        bytes.append(contentsOf: name)
        if isDirectory { bytes.append(0x2F) }
        let added = Name(start: UInt32(begin), length: UInt16(bytes.count - begin))
        var isWanted = last.isEmpty || precedes(last, added)
        if isWanted, hasBound, !precedes(added, bound) {
            mayBeMore = true
            isWanted = false
        }
        guard isWanted else {
            bytes.removeLast(bytes.count - begin)
            return
        }
        names.append(added)
        if names.count >= 2 * limit {
            sort()
            trim()
        }
    }

    private func sort() {
        bytes.withUnsafeBytes { bytes in
            names.sort { Self.compare(bytes, $0, $1) < 0 }
        }
    }

    /// Keeps the smallest names, as many as the window holds.
    private func trim() {
        mayBeMore = true
        names.removeLast(names.count - limit)
        var kept: [UInt8] = []
        kept.reserveCapacity(limit * 40)
        for index in names.indices {
            let name = names[index]
            let start = UInt32(kept.count)
            kept += bytes[Int(name.start)..<Int(name.start) + Int(name.length)]
            names[index] = Name(start: start, length: name.length)
        }
        bytes = kept
        if let largest = names.last {
            bound = Array(bytes[Int(largest.start)..<Int(largest.start) + Int(largest.length)])
            hasBound = true
        }
    }

    private static func compare(_ bytes: UnsafeRawBufferPointer, _ left: Name, _ right: Name) -> Int {
        guard let base = bytes.baseAddress else { return 0 }
        let order = memcmp(base + Int(left.start), base + Int(right.start), Int(min(left.length, right.length)))
        return order != 0 ? Int(order) : Int(left.length) - Int(right.length)
    }

    private func precedes(_ left: [UInt8], _ right: Name) -> Bool { order(left, right) < 0 }
    private func precedes(_ left: Name, _ right: [UInt8]) -> Bool { order(right, left) > 0 }

    private func order(_ left: [UInt8], _ right: Name) -> Int {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            let order = memcmp(left, base + Int(right.start), min(left.count, Int(right.length)))
            return order != 0 ? Int(order) : left.count - Int(right.length)
        }
    }
}
