internal import CLinux
internal import CustodeCore
internal import Glibc

/// Moves files of a bucket by renaming, each only if it is what was expected, and never over another.
struct DirectoryMover {
    private let root: Int32
    // Parents that this batch has made or found.
    private var known: Set<String> = []

    init(root: Int32) { self.root = root }

    /// Moves one; it is durable only after the file system has been synced.
    mutating func move(_ move: BlobMove) -> BlobMove.Outcome {
        do throws(BlobStoreError) {
            let (folder, name) = try Self.split(move.from)
            let parent = Beneath.open(folder, in: root, flags: O_RDONLY | O_DIRECTORY)
            defer { if parent >= 0 { _ = close(parent) } }
            let file = parent < 0 ? parent : Beneath.open(name, in: parent, flags: O_PATH | O_NOFOLLOW)
            if Self.meansAbsent(file) { return try outcomeWithoutSource(move) }
            guard file >= 0 else { throw .system("open an object", -file) }
            defer { _ = close(file) }
            var facts = stat()
            guard fstat(file, &facts) == 0 else { throw .system("look at an object") }
            let found = BlobFacts(facts)
            guard facts.st_mode & S_IFMT == S_IFREG, found.etag == move.expected.etag,
                found.size == move.expected.size
            else { return .changed }
            return try rename(move, name, parent, facts)
        } catch {
            return .failed(error)
        }
    }

    private mutating func rename(
        _ move: BlobMove, _ name: String, _ parent: Int32, _ facts: stat
    ) throws(BlobStoreError) -> BlobMove.Outcome {
        let (folder, newName) = try Self.split(move.to)
        let target = try directory(folder)
        defer { _ = close(target) }
        if move.renewsAge {
            guard utimensat(parent, name, nil, AT_SYMLINK_NOFOLLOW) == 0 else { throw .system("date an object anew") }
        }
        let code = custode_rename_new(parent, name, target, newName)
        if code == -ENOENT { return try outcomeWithoutSource(move) }
        if code == -EEXIST { return .changed }
        guard code == 0 else { throw .system("move an object", -code) }
        var moved = stat()
        guard fstatat(target, newName, &moved, AT_SYMLINK_NOFOLLOW) == 0, moved.st_ino == facts.st_ino else {
            // Between the look and the renaming somebody put another in its place: that one goes back.
            _ = custode_rename_new(target, newName, parent, name)
            return .changed
        }
        if move.prunesFolders { prune(move.from) }
        return .moved
    }

    /// A move that was interrupted has nothing at its source and what was expected at its end.
    private func outcomeWithoutSource(_ move: BlobMove) throws(BlobStoreError) -> BlobMove.Outcome {
        guard let there = try Self.facts(of: move.to, in: root) else { return .absent }
        let isSame = there.size == move.expected.size && (move.renewsAge || there.etag == move.expected.etag)
        return isSame ? .moved : .changed
    }

    /// Opens a directory beneath the root, making what is missing of it.
    private mutating func directory(_ path: String) throws(BlobStoreError) -> Int32 {
        if !known.contains(path) {
            var current = fcntl(root, F_DUPFD_CLOEXEC, 0)
            for part in path.split(separator: "/") where current >= 0 {
                if mkdirat(current, String(part), 0o750) != 0, errno != EEXIST {
                    let code = errno
                    _ = close(current)
                    throw .system("make a directory in the bucket", code)
                }
                let next = Beneath.open(String(part), in: current, flags: O_RDONLY | O_DIRECTORY)
                _ = close(current)
                guard next >= 0 else { throw .system("make a directory in the bucket", -next) }
                current = next
            }
            guard current >= 0 else { throw .system("make a directory in the bucket") }
            known.insert(path)
            return current
        }
        let directory = Beneath.open(path, in: root, flags: O_RDONLY | O_DIRECTORY)
        guard directory >= 0 else { throw .system("open a directory of the bucket", -directory) }
        return directory
    }

    /// Removes the folders that a file left empty: never more than its job's.
    private func prune(_ key: String) {
        let parts = key.split(separator: "/")
        guard parts.count > 5, parts[0] == "users", parts[2] == "jobs" else { return }
        Self.prune(parts.dropLast(), downTo: 4, in: root)
    }

    static func prune(_ folders: ArraySlice<Substring>, downTo depth: Int, in root: Int32) {
        var folders = folders
        while folders.count >= depth, let name = folders.popLast() {
            let parent = Beneath.open(folders.joined(separator: "/"), in: root, flags: O_RDONLY | O_DIRECTORY)
            guard parent >= 0 else { return }
            defer { _ = close(parent) }
            // Never more than one that is empty: what came meanwhile stays.
            guard unlinkat(parent, String(name), AT_REMOVEDIR) == 0 else { return }
        }
    }

    static func split(_ key: String) throws(BlobStoreError) -> (folder: String, name: String) {
        guard let slash = key.utf8.lastIndex(of: 0x2F) else { return (".", key) }
        return (String(key[..<slash]), String(key[key.utf8.index(after: slash)...]))
    }

    static func facts(of key: String, in root: Int32) throws(BlobStoreError) -> BlobFacts? {
        let file = Beneath.open(key, in: root, flags: O_PATH | O_NOFOLLOW)
        if meansAbsent(file) { return nil }
        guard file >= 0 else { throw .system("look at an object", -file) }
        defer { _ = close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0 else { throw .system("look at an object") }
        return facts.st_mode & S_IFMT == S_IFREG ? BlobFacts(facts) : nil
    }

    private static func meansAbsent(_ descriptor: Int32) -> Bool {
        [ENOENT, ENOTDIR, ELOOP, EXDEV, ENAMETOOLONG, EINVAL].contains(-descriptor)
    }
}
