internal import CLinux
public import CustodeCore
internal import Glibc

extension DirectoryStore: CollectableStore {
    private static let markerFolder = ".custode"
    private static let markerName = "identity.json"
    private static let largestMarker = 64 * 1_024

    /// Lists objects in the order of their keys' bytes.
    public func list(_ scope: ListingScope) -> any BlobListing { DirectoryListing(self, scope) }

    /// What is known of objects now.
    public func facts(of keys: [String]) async throws(BlobStoreError) -> [BlobFacts?] {
        guard !keys.isEmpty else { return [] }
        return try await threads.perform { () throws(BlobStoreError) in
            var facts: [BlobFacts?] = []
            facts.reserveCapacity(keys.count)
            for key in keys { facts.append(try DirectoryMover.facts(of: key, in: self.root)) }
            return facts
        }
    }

    /// Moves objects, each only if it is still what was expected.
    ///
    /// One sync of the file system makes a whole batch durable.
    public func move(
        _ moves: [BlobMove], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobMove.Outcome] {
        guard !moves.isEmpty else { return [] }
        do throws(BlobStoreError) {
            return try await threads.perform { () throws(BlobStoreError) in
                var mover = DirectoryMover(root: self.root)
                let outcomes = moves.map { mayGoOn() ? mover.move($0) : .failed(.cancelled) }
                guard outcomes.contains(.moved) else { return outcomes }
                let code = custode_sync_file_system(self.root)
                guard code != 0 else { return outcomes }
                let failure = BlobStoreError.system("sync the bucket", -code)
                return outcomes.map { $0 == .moved ? .failed(failure) : $0 }
            }
        } catch {
            return moves.map { _ in .failed(error) }
        }
    }

    /// Removes objects from quarantine for good; no others are ever removed.
    public func remove(
        _ keys: [String], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobStoreError?] {
        guard !keys.isEmpty else { return [] }
        do throws(BlobStoreError) {
            return try await threads.perform { () throws(BlobStoreError) in
                keys.map { mayGoOn() ? self.removeNow($0) : .cancelled }
            }
        } catch {
            return keys.map { _ in error }
        }
    }

    private func removeNow(_ key: String) -> BlobStoreError? {
        do throws(BlobStoreError) {
            guard key.hasPrefix(TrashPlace.root) else { throw .unavailable("only what is in quarantine is removed") }
            let (folder, name) = try DirectoryMover.split(key)
            let parent = Beneath.open(folder, in: root, flags: O_RDONLY | O_DIRECTORY)
            if parent == -ENOENT { return nil }
            guard parent >= 0 else { throw .system("open a directory of the bucket", -parent) }
            let code = unlinkat(parent, name, 0) == 0 ? 0 : errno
            _ = close(parent)
            guard code == 0 || code == ENOENT else { throw .system("remove an object", code) }
            DirectoryMover.prune(key.split(separator: "/").dropLast(), downTo: 2, in: root)
            return nil
        } catch {
            return error
        }
    }

    /// What time it is for the file system.
    public func clock() async throws(BlobStoreError) -> Timestamp {
        try await threads.perform { () throws(BlobStoreError) in
            let file = try self.unnamedFile()
            defer { _ = close(file) }
            var facts = stat()
            guard fstat(file, &facts) == 0 else { throw .system("ask the bucket for the time") }
            return BlobFacts(facts).modified
        }
    }

    /// The small file that tells whose bucket this is.
    public func marker() async throws(BlobStoreError) -> [UInt8]? {
        try await threads.perform { () throws(BlobStoreError) in
            let name = "\(Self.markerFolder)/\(Self.markerName)"
            let file = Beneath.open(name, in: self.root, flags: O_RDONLY | O_NONBLOCK)
            if file == -ENOENT { return nil }
            // A link in its place, or a folder, is there and no marker: as empty as one.
            if file == -ELOOP { return [] }
            guard file >= 0 else { throw .system("open the bucket's marker", -file) }
            defer { _ = close(file) }
            var facts = stat()
            guard fstat(file, &facts) == 0 else { throw .system("look at the bucket's marker") }
            guard facts.st_mode & S_IFMT == S_IFREG else { return [] }
            var bytes = [UInt8](repeating: 0, count: Self.largestMarker)
            let count = pread(file, &bytes, bytes.count, 0)
            guard count >= 0 else { throw .system("read the bucket's marker") }
            return Array(bytes[..<count])
        }
    }

    /// Writes the small file that tells whose bucket this is.
    public func setMarker(_ bytes: [UInt8]) async throws(BlobStoreError) {
        try await threads.perform { () throws(BlobStoreError) in
            guard mkdirat(self.root, Self.markerFolder, 0o750) == 0 || errno == EEXIST else {
                throw .system("make a directory in the bucket")
            }
            let folder = Beneath.open(Self.markerFolder, in: self.root, flags: O_RDONLY | O_DIRECTORY)
            guard folder >= 0 else { throw .system("open a directory of the bucket", -folder) }
            defer { _ = close(folder) }
            let temporary = "\(Self.markerName).\(getpid()).tmp"
            let file = Beneath.open(temporary, in: folder, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o640)
            guard file >= 0 else { throw .system("write the bucket's marker", -file) }
            defer { _ = close(file) }
            guard write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0,
                renameat(folder, temporary, folder, Self.markerName) == 0, fsync(folder) == 0, fsync(self.root) == 0
            else { throw .system("write the bucket's marker") }
        }
    }
}
