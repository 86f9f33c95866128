internal import CustodeCore
internal import Glibc
internal import Synchronization

/// Makes directories, and remembers which of them are known to survive a crash.
///
/// A new directory is durable once its parent has been synced. Another upload may have made it a moment
/// ago without having come that far, so existence alone proves nothing: every process syncs each parent
/// itself, once.
///
/// Directories may go while services run, but only empty ones of jobs that no longer exist. What is published there by
/// somebody who takes a directory for durable that another process has made again is never acknowledged: without the job
/// there is nothing to refer to it. Whoever removes others must stop the services first. Within this process not even that
/// happens: a directory that went is forgotten before it is made again.
final class DurableDirectories: Sendable {
    private static let remembered = 65_536

    private let root: Int32
    private let memory = Mutex(Memory())

    private struct Memory {
        var durable: Set<String> = []
        /// How often something was forgotten: what was found out before may not be true any more.
        var generation = 0
    }

    init(root: Int32) { self.root = root }

    /// A directory opened for a new entry, and the parents that must be synced for it to last.
    struct Opened {
        let descriptor: Int32
        fileprivate let unsynced: [(path: String, parent: Int32)]
        fileprivate let generation: Int

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
        let (known, generation) = memory.withLock { memory in
            (prefixes.prefix { memory.durable.contains($0) }.count, memory.generation)
        }
        if known == prefixes.count, let descriptor = try openKnown(path, path, in: root) {
            return Opened(descriptor: descriptor, unsynced: [], generation: generation)
        }
        return try walk(prefixes, known: known, generation)
    }

    /// Makes a new entry of an opened directory, and the directory itself, survive a crash.
    func sync(_ opened: Opened) throws(BlobStoreError) {
        try opened.sync()
        remember(opened)
    }

    /// Takes note that a directory survives a crash, once somebody else made it so.
    func remember(_ opened: Opened) {
        guard !opened.unsynced.isEmpty else { return }
        memory.withLock { memory in
            guard memory.generation == opened.generation else { return }
            if memory.durable.count > Self.remembered { memory.durable.removeAll() }
            memory.durable.formUnion(opened.unsynced.map(\.path))
        }
    }

    /// Opens a directory that is known to be durable; `nil` if it is not, or no longer.
    private func openKnown(_ path: String, _ name: String, in parent: Int32) throws(BlobStoreError) -> Int32? {
        let descriptor = Beneath.open(name, in: parent, flags: O_RDONLY | O_DIRECTORY)
        if descriptor == -ENOENT {
            // Before anybody can make it again: who opens it from then on looks here after that.
            forget(path)
            return nil
        }
        guard descriptor >= 0 else { throw .system("open a directory of the bucket", -descriptor) }
        if isKnown(path) { return descriptor }
        _ = Glibc.close(descriptor)
        return nil
    }

    private func walk(_ prefixes: [String], known: Int, _ generation: Int) throws(BlobStoreError) -> Opened {
        var rest = prefixes[...]
        var start: Int32?
        // From the deepest that is known, or from the top if that went.
        if known > 0, known < prefixes.count {
            start = try openKnown(prefixes[known - 1], prefixes[known - 1], in: root)
            if start != nil { rest = prefixes[known...] }
        }
        var current = start ?? fcntl(root, F_DUPFD_CLOEXEC, 0)
        guard current >= 0 else { throw .system("open the bucket directory") }
        var unsynced: [(path: String, parent: Int32)] = []
        do throws(BlobStoreError) {
            for prefix in rest {
                let name = prefix.split(separator: "/").last.map(String.init) ?? prefix
                if isKnown(prefix), let next = try openKnown(prefix, name, in: current) {
                    _ = Glibc.close(current)
                    current = next
                } else {
                    let next = try make(prefix, name, in: current)
                    unsynced.append((prefix, current))
                    current = next
                }
            }
        } catch {
            Opened(descriptor: current, unsynced: unsynced, generation: generation).close()
            throw error
        }
        return Opened(descriptor: current, unsynced: unsynced, generation: generation)
    }

    private func make(_ path: String, _ name: String, in parent: Int32) throws(BlobStoreError) -> Int32 {
        let made = mkdirat(parent, name, 0o750) == 0 ? 0 : errno
        guard made == 0 || made == EEXIST else { throw .system("make a directory in the bucket", made) }
        // What was just made is new, whatever was there by its name before.
        if made == 0 { forget(path) }
        let directory = Beneath.open(name, in: parent, flags: O_RDONLY | O_DIRECTORY)
        guard directory >= 0 else { throw .system("open a directory of the bucket", -directory) }
        return directory
    }

    private func isKnown(_ path: String) -> Bool { memory.withLock { $0.durable.contains(path) } }

    private func forget(_ path: String) {
        memory.withLock { memory in
            // Nothing below it is known where it is not itself.
            guard memory.durable.contains(path) else { return }
            memory.durable = memory.durable.filter { $0 != path && !$0.hasPrefix(path + "/") }
            memory.generation += 1
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
