import CLinux
import Foundation

/// How the process keeps memory for the bodies that stream through it.
enum Allocator {
    /// Lets pieces of bodies come from memory that is there already.
    ///
    /// By default each piece of 128 KiB would be mapped anew, touched page by page and unmapped, which costs an
    /// upload more than its hash does. What is kept instead is bounded: an arena for each
    /// core and few in all, and a trim of each.
    static func keepPieces() {
        custode_mmap_threshold(4 << 20)
        custode_trim_threshold(8 << 20)
        custode_arenas(Int32(clamping: max(2, min(4, ProcessInfo.processInfo.activeProcessorCount))))
    }
}
