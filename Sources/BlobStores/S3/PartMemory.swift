internal import NIOCore
internal import Synchronization

/// Room in memory for parts of uploads, which spares a disk while there are few; those for which none is left are spooled.
final class PartMemory: Sendable {
    private let left: Mutex<Int64>

    /// - Parameter bytes: How many there may be of all uploads together.
    init(_ bytes: Int64) { left = Mutex(bytes) }

    /// Grants room for so many bytes, if there is.
    func take(_ bytes: Int64) -> Bool {
        left.withLock { left in
            guard left >= bytes else { return false }
            left -= bytes
            return true
        }
    }

    func giveBack(_ bytes: Int64) { left.withLock { $0 += bytes } }
}
