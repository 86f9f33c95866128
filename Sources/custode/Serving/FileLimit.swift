import Glibc

/// How many files and connections this process may have open.
enum FileLimit {
    /// What is not for connections: the database's, the bucket's, files that are being read and written.
    private static let reserve = 512
    private static let mostConnections = 65_536

    /// Takes all that the system grants, of which shells pass on a small part.
    ///
    /// - Returns: How many connections of clients there may be; each one's file needs room as well.
    static func raise() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return reserve }
        limit.rlim_cur = limit.rlim_max
        if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
            _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        let files = Int(clamping: limit.rlim_cur)
        return min(mostConnections, max(files / 2, files - files / 8 - reserve))
    }
}
