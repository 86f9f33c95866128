import Glibc

/// How many files and connections this process may have open, and what they are for.
struct FileLimit {
    private static let mostConnections = 65_536

    /// How many connections of clients there may be.
    let connections: Int
    /// How many of these may carry an object: its file is open as long as it does.
    let transfers: Int

    /// What stays for the database's connections (28), those of clients that come by the dozen before they are counted,
    /// what the process itself holds (some 20), and what the threads of the disk open in passing (32).
    private static let leastReserve = 128

    /// Divides what there is, less a reserve.
    init(files: Int) {
        let rest = files - max(Self.leastReserve, min(512, files / 8))
        connections = min(Self.mostConnections, max(1, rest * 3 / 5))
        transfers = max(1, rest - connections)
    }

    /// Takes all that the system grants, of which shells pass on a small part.
    static func raised() -> FileLimit {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return FileLimit(files: 1_024)
        }
        limit.rlim_cur = limit.rlim_max
        if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
            _ = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        return FileLimit(files: Int(clamping: limit.rlim_cur))
    }
}
