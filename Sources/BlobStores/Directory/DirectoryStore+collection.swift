public import CustodeCore
internal import Glibc
internal import NIOPosix

extension DirectoryStore: CollectableStore {
    /// What removal is confined to.
    private static let trash = ".trash/"

    /// Lists the regular files below a prefix, in the order of their keys' bytes.
    ///
    /// A symbolic link is neither told nor followed. Memory is bounded, however many names a directory holds.
    public func list(_ scope: ListingScope) -> any BlobListing {
        DirectoryListing(store: self, scope: scope)
    }

    /// What is known of objects now, in the order of the keys; `nil` where there is none.
    public func facts(of keys: [String]) async throws(BlobStoreError) -> [BlobFacts?] {
        // Of a name that the kernel has at hand they cost no change of thread.
        if keys.count == 1, let known = try cachedFacts(of: keys[0]) { return [known.facts] }
        return try await threads.perform { () throws(BlobStoreError) in
            var facts: [BlobFacts?] = []
            facts.reserveCapacity(keys.count)
            for key in keys { facts.append(try self.facts(of: key)) }
            return facts
        }
    }

    /// Moves objects by renaming them, each only if it is still what was expected, and never over another.
    ///
    /// The file system is synced once for all of them; if that fails, none is told as moved.
    public func move(
        _ moves: [BlobMove], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobMove.Outcome] {
        do throws(BlobStoreError) {
            return try await threads.perform { () throws(BlobStoreError) in self.moveNow(moves, mayGoOn) }
        } catch {
            return moves.map { _ in .failed(error) }
        }
    }

    /// Removes objects below `.trash/` for good, and the folders there that they leave empty.
    ///
    /// It is not synced: what a power cut brings back is removed again.
    public func remove(
        _ keys: [String], while mayGoOn: @escaping @Sendable () -> Bool
    ) async -> [BlobStoreError?] {
        do throws(BlobStoreError) {
            return try await threads.perform { () throws(BlobStoreError) in
                var folders = EmptyFolders.ofTrash
                let failures = keys.map { mayGoOn() ? self.remove($0, &folders) : .cancelled }
                folders.remove(beneath: self.root)
                return failures
            }
        } catch {
            return keys.map { _ in error }
        }
    }

    /// What time the file system gives to a file that is made now.
    public func clock() async throws(BlobStoreError) -> Timestamp {
        try await threads.perform { () throws(BlobStoreError) in
            try Descriptor(try self.unnamedFile()).status().modified
        }
    }

    /// What the kernel has at hand of a name; `nil` if a disk must be asked.
    private func cachedFacts(of key: String) throws(BlobStoreError) -> (facts: BlobFacts?, isKnown: Bool)? {
        let number = Beneath.open(key, in: root, flags: Beneath.place, onlyIfCached: true)
        guard number >= 0 else { return Beneath.meansAbsent(-number) ? (nil, true) : nil }
        let facts = try Descriptor(number).status()
        return (facts.isRegular ? facts.blobFacts : nil, true)
    }

    private func facts(of key: String) throws(BlobStoreError) -> BlobFacts? {
        guard let file = try Descriptor.place(key, in: root) else { return nil }
        let facts = try file.status()
        return facts.isRegular ? facts.blobFacts : nil
    }

    private func moveNow(_ moves: [BlobMove], _ mayGoOn: () -> Bool) -> [BlobMove.Outcome] {
        var folders = EmptyFolders.ofJobs
        let outcomes = moves.map { move -> BlobMove.Outcome in
            guard mayGoOn() else { return .failed(.cancelled) }
            guard let from = BucketPath(move.from), let to = BucketPath(move.to) else {
                return .failed(.unavailable("cannot move an object whose key is no plain path"))
            }
            let outcome = DirectoryMove(root: root, calls: calls, move: move, from: from, to: to).run()
            // Of a move that was interrupted the folders may be left to do.
            if outcome == .moved, move.prunesFolders { folders.note(from.folder) }
            return outcome
        }
        folders.remove(beneath: root)
        guard outcomes.contains(where: { $0 != .absent }) else { return outcomes }
        let code =
            spansFileSystems ? syncEach(zip(moves, outcomes).filter { $0.1 == .moved }.map(\.0)) : calls.syncAll(root)
        guard code != 0 else { return outcomes }
        return outcomes.map { $0 == .moved ? .failed(.system("make moves durable", -code)) : $0 }
    }

    /// Syncs each file system that something was moved in; tells the last negated error number, or 0.
    private func syncEach(_ moves: [BlobMove]) -> Int32 {
        var synced: Set<UInt> = []
        var code: Int32 = 0
        for move in moves {
            let folder = BucketPath(move.to)?.folder ?? ""
            let number = Beneath.open(folder.isEmpty ? "." : folder, in: root, flags: O_RDONLY | O_DIRECTORY)
            guard number >= 0 else {
                code = number
                continue
            }
            let descriptor = Descriptor(number)
            guard let device = try? descriptor.status().st_dev else {
                code = -EIO
                continue
            }
            if synced.insert(UInt(device)).inserted { code = min(code, calls.syncAll(descriptor.number)) }
        }
        return code
    }

    private func remove(_ key: String, _ folders: inout EmptyFolders) -> BlobStoreError? {
        guard key.utf8.starts(with: Self.trash.utf8), let path = BucketPath(key) else {
            return .unavailable("only what lies in \(Self.trash) is removed for good")
        }
        do throws(BlobStoreError) {
            // Of a removal that was interrupted the folders may be left to do.
            folders.note(path.folder)
            guard let folder = try Descriptor.place(path.folder, in: root, flags: O_DIRECTORY) else { return nil }
            guard unlinkat(folder.number, path.name, 0) == 0 || errno == ENOENT else {
                throw .system("remove an object")
            }
            return nil
        } catch {
            return error
        }
    }
}
