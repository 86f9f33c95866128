internal import Glibc

/// Many short byte strings in one piece of memory, without an allocation for each.
struct NameArena: ~Copyable {
    private var space = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 4_096)
    /// How many bytes it holds.
    private(set) var count = 0

    deinit { space.deallocate() }

    /// Where the bytes begin; until something is appended.
    var base: UnsafeMutablePointer<UInt8> { space.baseAddress.unsafelyUnwrapped }

    /// Appends bytes and one more; returns where they begin.
    mutating func append(_ bytes: UnsafeRawBufferPointer, then end: UInt8) -> Int {
        reserve(bytes.count + 1)
        let offset = count
        if let source = bytes.baseAddress { memcpy(base + offset, source, bytes.count) }
        space[offset + bytes.count] = end
        count += bytes.count + 1
        return offset
    }

    /// Forgets the bytes from a place on, or all of them; the memory stays for others.
    mutating func removeAll(from offset: Int = 0) { count = offset }

    private mutating func reserve(_ more: Int) {
        guard count + more > space.count else { return }
        let larger = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(2 * space.count, count + more))
        larger.baseAddress?.update(from: base, count: count)
        space.deallocate()
        space = larger
    }
}
