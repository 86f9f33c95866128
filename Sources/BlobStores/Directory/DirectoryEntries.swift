internal import Glibc

/// The entries that `getdents64(2)` put into a buffer.
struct DirectoryEntries: Sequence, IteratorProtocol {
    /// One entry; it lives as long as the buffer holds it.
    struct Entry {
        /// The name's bytes.
        let name: UnsafeRawBufferPointer
        /// What it is, such as `DT_DIR`.
        let type: UInt8

        var cString: UnsafePointer<CChar> {
            // A NUL stands behind every name.
            name.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)
        }
        /// Whether it is the directory itself or the one above.
        var isSelfOrParent: Bool {
            name.count < 3 && name.allSatisfy { $0 == UInt8(ascii: ".") }
        }
    }

    // struct linux_dirent64: inode and offset of 8 bytes each, the record's length of 2, the type of 1, the name.
    private static let lengthOffset = 16
    private static let typeOffset = 18
    private static let nameOffset = 19

    private var rest: UnsafeRawBufferPointer.SubSequence

    init(_ rest: UnsafeRawBufferPointer.SubSequence) { self.rest = rest }

    mutating func next() -> Entry? {
        guard rest.count > Self.nameOffset, let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress else {
            return nil
        }
        let length = Int(base.load(fromByteOffset: Self.lengthOffset, as: UInt16.self))
        let name = base + Self.nameOffset
        let type = base.load(fromByteOffset: Self.typeOffset, as: UInt8.self)
        rest = rest.dropFirst(length)
        return Entry(
            name: UnsafeRawBufferPointer(start: name, count: strnlen(name, length - Self.nameOffset)), type: type)
    }
}
