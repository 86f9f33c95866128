internal import CustodeCore
internal import Glibc
internal import Synchronization

/// Makes directories, and remembers which of them are known to survive a crash.
///
/// A new directory is durable once its parent has been synced. Another upload may have made it a moment
/// ago without having come that far, so existence alone proves nothing: every process syncs each parent
/// itself, once. What one process removes, another may take for durable when a third has made it again. Hence
/// of directories in which something may be published only those of jobs that no longer exist are removed:
/// nothing is acknowledged there any more. Trash is not published into, and whoever moves objects syncs it all.
final class DurableDirectories: Sendable {
    private static let remembered = 65_536

    private let root: Int32
    private let durable = Mutex<Set<String>>([])

    init(root: Int32) { self.root = root }

    /// A directory opened for a new entry, and the parents that must be synced for it to last.
    struct Opened {
        let descriptor: Int32
        fileprivate let unsynced: [(path: String, parent: Int32)]

        /// Syncs the directory's new entry, then the parents; remembers them as durable.
        fileprivate func sync() throws(BlobStoreError) {
            guard fsync(descriptor) == 0 else { throw .system("sync a directory") }
            for (_, parent) in unsynced {
                guard fsync(parent) == 0 else { throw .system("sync a directory") }
            }
        }

        func close() {
            _ = Glibc.close(descriptor)
            for (_, parent) in unsynced { _ = Glibc.close(parent) }
        }
    }

    /// Opens a directory beneath the root, making what is missing of it.
    func open(_ path: String) throws(BlobStoreError) -> Opened {
        let prefixes = Self.prefixes(of: path)
        let known = durable.withLock { durable in prefixes.allSatisfy(durable.contains) }
        if known {
            let descriptor = Beneath.open(path, in: root, flags: O_RDONLY | O_DIRECTORY)
            if descriptor >= 0 { return Opened(descriptor: descriptor, unsynced: []) }
            guard descriptor == -ENOENT else { throw .system("open a directory of the bucket", -descriptor) }
        }
        return try walk(prefixes)
    }

    /// Makes a new entry of an opened directory, and the directory itself, survive a crash.
    func sync(_ opened: Opened) throws(BlobStoreError) {
        try opened.sync()
        durable.withLock { durable in
            if durable.count > Self.remembered { durable.removeAll() }
            durable.formUnion(opened.unsynced.map(\.path))
        }
    }

    /// The deepest of the directories that are known, opened, and what remains to be walked from there.
    private func start(_ prefixes: [String]) throws(BlobStoreError) -> (directory: Int32, rest: ArraySlice<String>) {
        let known = durable.withLock { durable in prefixes.prefix { durable.contains($0) }.count }
        if known > 0 {
            let directory = Beneath.open(prefixes[known - 1], in: root, flags: O_RDONLY | O_DIRECTORY)
            if directory >= 0 { return (directory, prefixes[known...]) }
        }
        let directory = fcntl(root, F_DUPFD_CLOEXEC, 0)
        guard directory >= 0 else { throw .system("open the bucket directory") }
        return (directory, prefixes[...])
    }

    private func walk(_ prefixes: [String]) throws(BlobStoreError) -> Opened {
        var (current, rest) = try start(prefixes)
        var unsynced: [(path: String, parent: Int32)] = []
        for prefix in rest {
            let name = prefix.split(separator: "/").last.map(String.init) ?? prefix
            let made = mkdirat(current, name, 0o750) == 0 ? 0 : errno
            let next = Beneath.open(name, in: current, flags: O_RDONLY | O_DIRECTORY)
            guard made == 0 || made == EEXIST, next >= 0 else {
                Opened(descriptor: current, unsynced: unsynced).close()
                if next >= 0 { _ = Glibc.close(next) }
                throw .system("make a directory in the bucket", made == 0 || made == EEXIST ? -next : made)
            }
            // What was just made is new, whatever was there by its name before.
            if made == 0 { forget(prefix) }
            if durable.withLock({ $0.contains(prefix) }) {
                _ = Glibc.close(current)
            } else {
                unsynced.append((prefix, current))
            }
            current = next
        }
        return Opened(descriptor: current, unsynced: unsynced)
    }

    private func forget(_ path: String) {
        durable.withLock { durable in
            // Nothing below it is known where it is not itself.
            guard durable.contains(path) else { return }
            durable = durable.filter { $0 != path && !$0.hasPrefix(path + "/") }
        }
    }

    private static func prefixes(of path: String) -> [String] {
        var prefixes: [String] = []
        for part in path.split(separator: "/") {
            prefixes.append(prefixes.last.map { "\($0)/\(part)" } ?? String(part))
        }
        return prefixes
    }
}
