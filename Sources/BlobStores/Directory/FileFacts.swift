internal import CustodeCore
internal import Glibc

extension stat {
    /// Whether it is a regular file, which alone can be an object.
    var isRegular: Bool { st_mode & S_IFMT == S_IFREG }

    /// What a store tells of a file.
    ///
    /// The tag says which file it is and when its content last changed; a rename leaves it as it is.
    var blobFacts: BlobFacts {
        BlobFacts(etag: etag, size: Int64(st_size), modified: modified)
    }

    /// When the content last changed.
    var modified: Timestamp {
        Timestamp(microseconds: Int64(st_mtim.tv_sec) &* 1_000_000 &+ Int64(st_mtim.tv_nsec) / 1_000)
    }

    /// Inode, time of the last change in nanoseconds, and size, in hexadecimal.
    private var etag: String {
        let parts = (
            UInt64(st_ino),
            UInt64(bitPattern: Int64(st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(st_mtim.tv_nsec)),
            UInt64(bitPattern: Int64(st_size))
        )
        // Written in place: a listing makes one for every object.
        return String(unsafeUninitializedCapacity: 50) { space in
            var end = Self.write(parts.0, to: space, at: 0)
            space[end] = 0x2D
            end = Self.write(parts.1, to: space, at: end + 1)
            space[end] = 0x2D
            return Self.write(parts.2, to: space, at: end + 1)
        }
    }

    private static func write(_ number: UInt64, to space: UnsafeMutableBufferPointer<UInt8>, at start: Int) -> Int {
        let digits = max(1, (67 - number.leadingZeroBitCount) / 4)
        for place in 0..<digits {
            let digit = UInt8(number >> UInt64((digits - 1 - place) * 4) & 0xF)
            space[start + place] = digit < 10 ? 0x30 + digit : 0x57 + digit
        }
        return start + digits
    }
}
