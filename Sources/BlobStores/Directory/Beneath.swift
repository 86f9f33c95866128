internal import CLinux
internal import Glibc

/// Opening by name, confined to a directory and to names that are no symbolic links.
enum Beneath {
    /// The flag for a file without a name (`O_TMPFILE`).
    static var unnamed: Int32 { custode_o_tmpfile }
    /// The flag for a descriptor that only stands for a place (`O_PATH`): nothing is opened for reading.
    static var place: Int32 { custode_o_path }

    /// Opens a path beneath a directory.
    ///
    /// - Parameter onlyIfCached: Gives up with `EAGAIN` rather than wait for a disk.
    /// - Returns: The descriptor, or the negated error number.
    static func open(
        _ path: String, in directory: Int32, flags: Int32, mode: UInt32 = 0, onlyIfCached: Bool = false
    ) -> Int32 {
        // A NUL would cut the name short of what was checked.
        guard !path.utf8.contains(0) else { return -EINVAL }
        let resolve = custode_resolve_beneath | (onlyIfCached ? custode_resolve_cached : 0)
        while true {
            let descriptor = custode_openat2(directory, path, flags, mode, resolve)
            if descriptor != -EINTR { return descriptor }
        }
    }

    /// Whether an error number says that nothing can be by that name, rather than that it cannot be told.
    static func meansAbsent(_ code: Int32) -> Bool {
        [ENOENT, ENOTDIR, ELOOP, EXDEV, ENAMETOOLONG, EINVAL, ENXIO].contains(code)
    }
}
