internal import CLinux
internal import Glibc

/// The system calls of listing and moving whose failures must be told from the end of what there is.
///
/// Each returns the negated error number where it fails. Tests put their own in the place of some.
struct FileSystemCalls: Sendable {
    /// Opens a directory by its name in another, unless that is a symbolic link.
    var open: @Sendable (_ directory: Int32, _ name: UnsafePointer<CChar>) -> Int32
    /// Reads further entries of a directory; tells how many bytes they take, none after the last.
    var entries: @Sendable (_ directory: Int32, _ space: UnsafeMutableRawBufferPointer) -> Int
    /// Asks for the facts of a name itself, whatever it may link to.
    var status: @Sendable (_ directory: Int32, _ name: UnsafePointer<CChar>, _ facts: inout stat) -> Int32
    /// Renames, never over another.
    var rename: @Sendable (_ from: Int32, _ name: String, _ to: Int32, _ newName: String) -> Int32
    /// Makes all that was done to a file system survive a crash.
    var syncAll: @Sendable (_ descriptor: Int32) -> Int32

    /// Those of the kernel.
    static let system = FileSystemCalls(
        open: { directory, name in
            let descriptor = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            return descriptor < 0 ? -errno : descriptor
        },
        entries: { directory, space in custode_getdents(directory, space.baseAddress, UInt(space.count)) },
        status: { directory, name, facts in
            fstatat(directory, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno
        },
        rename: { from, name, to, newName in custode_rename(from, name, to, newName) },
        syncAll: { custode_syncfs($0) })
}
