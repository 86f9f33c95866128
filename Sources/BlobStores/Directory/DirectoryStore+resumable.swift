internal import Cryptography
public import CustodeCore
internal import Glibc
internal import NIOPosix

extension DirectoryStore: ResumableStore {
    private static let folder = String(StagedBlob.folder.dropLast())
    /// How often a file's lock is tried for before its holder is passed over, and how many microseconds apart.
    private static let lockAttempts = 50
    private static let lockInterval: UInt32 = 20_000

    /// Goes on with the file of an upload, which it locks; begins one if nothing is stored.
    ///
    /// Where an earlier holder that was passed over still has the file, what counts is copied into another.
    public func resume(
        _ staged: StagedBlob, as key: ObjectKey?, expectedSize: Int64?
    ) async throws(BlobStoreError) -> any BlobAppend {
        let file = try await threads.perform { () throws(BlobStoreError) in
            if let expectedSize, try self.freeBytes() < expectedSize - staged.size { throw .noRoom }
            guard staged.size > 0, let name = staged.token else {
                return try self.begin(staged, replacing: staged.token, hasher: SHA256())
            }
            return try self.reopen(staged, name)
        }
        return DirectoryAppend(file, staged, store: self)
    }

    /// Links the file to the key; one that is linked already is no fault.
    public func publish(
        _ staged: StagedBlob, as key: ObjectKey?, contentType: String
    ) async throws(BlobStoreError) {
        guard let key else { return }
        try await threads.perform { () throws(BlobStoreError) in try self.link(staged, to: key.text) }
    }

    /// Opens the file of a partial upload.
    public func read(_ staged: StagedBlob) async throws(BlobStoreError) -> any OpenBlob {
        guard staged.size > 0, let name = staged.token else { return EmptyBlob() }
        let blob = try await open(StagedBlob.folder + name, reading: nil)
        guard blob.size == staged.size else { throw .unavailable("a partial upload has not the size it had") }
        return blob
    }

    /// Removes the file's name in the folder of uploads; a published object has another.
    public func discard(
        _ staged: StagedBlob, as key: ObjectKey?, isPublished: Bool
    ) async throws(BlobStoreError) {
        guard let name = staged.token else { return }
        for failure in await removeStaged([StagedBlob.folder + name]) { if let failure { throw failure } }
    }

    /// Removes files of uploads.
    ///
    /// It is not synced: what a power cut brings back is found again.
    public func removeStaged(_ keys: [String]) async -> [BlobStoreError?] {
        do throws(BlobStoreError) {
            return try await threads.perform { () throws(BlobStoreError) in
                guard keys.allSatisfy({ $0.hasPrefix(StagedBlob.folder) }) else {
                    return keys.map { _ in .unavailable("not the key of an upload") }
                }
                guard let folder = try Descriptor.place(Self.folder, in: self.root, flags: O_DIRECTORY) else {
                    return keys.map { _ in nil }
                }
                return keys.map { key in
                    let name = String(key.dropFirst(StagedBlob.folder.count))
                    guard !name.contains("/"), unlinkat(folder.number, name, 0) != 0, errno != ENOENT else {
                        return nil
                    }
                    return .system("remove the file of an upload")
                }
            }
        } catch {
            return keys.map { _ in error }
        }
    }

    private func begin(
        _ staged: StagedBlob, replacing replaced: String?, hasher: consuming SHA256, size: Int64 = 0
    ) throws(BlobStoreError) -> StagingFile {
        let folder = try directories.open(Self.folder)
        let name = "\(staged.id.text).\(staged.epoch)"
        // Left over by this very holder, which failed before it was recorded.
        _ = unlinkat(folder.descriptor, name, 0)
        let descriptor = Beneath.open(
            name, in: folder.descriptor, flags: O_RDWR | O_CREAT | O_EXCL, mode: 0o640)
        guard descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let failure = BlobStoreError.system("make the file of an upload", descriptor < 0 ? -descriptor : errno)
            if descriptor >= 0 { _ = Glibc.close(descriptor) }
            folder.close()
            throw failure
        }
        return StagingFile(
            name: name, received: ReceivedFile(descriptor, size: size, hasher: hasher), folder: folder,
            replaced: replaced == name ? nil : replaced)
    }

    private func reopen(_ staged: StagedBlob, _ name: String) throws(BlobStoreError) -> StagingFile {
        let descriptor = Beneath.open(StagedBlob.folder + name, in: root, flags: O_RDWR)
        guard descriptor >= 0 else { throw .system("open the file of an upload", -descriptor) }
        let file = Descriptor(descriptor)
        guard let hasher = SHA256(state: staged.hash) else { throw .unavailable("an upload's hash cannot be read") }
        guard try file.status().st_size >= staged.size else {
            throw .unavailable("the file of an upload is shorter than what was recorded of it")
        }
        guard lock(descriptor) else { return try copy(file, staged, name, hasher) }
        guard lseek(descriptor, Int(staged.size), SEEK_SET) == staged.size else {
            throw .system("go on with the file of an upload")
        }
        // What an earlier holder wrote and could not record does not count.
        let received = ReceivedFile(file.release(), size: staged.size, hasher: hasher, mayBeLonger: true)
        return StagingFile(name: name, received: received, folder: nil, replaced: nil)
    }

    private func lock(_ descriptor: Int32) -> Bool {
        for attempt in 0..<Self.lockAttempts {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return true }
            if attempt < Self.lockAttempts - 1 { usleep(Self.lockInterval) }
        }
        return false
    }

    /// Copies what counts of a file that another may still be writing to, behind that.
    private func copy(
        _ source: borrowing Descriptor, _ staged: StagedBlob, _ name: String, _ hasher: consuming SHA256
    ) throws(BlobStoreError) -> StagingFile {
        let file = try begin(staged, replacing: name, hasher: hasher, size: staged.size)
        guard file.received.copy(from: source.number, count: staged.size) else {
            throw .system("copy the file of an upload")
        }
        return file
    }

    private func link(_ staged: StagedBlob, to key: String) throws(BlobStoreError) {
        guard let slash = key.utf8.lastIndex(of: 0x2F), let name = staged.token else {
            throw .unavailable("an upload without a file cannot be published")
        }
        let number = Beneath.open(StagedBlob.folder + name, in: root, flags: O_RDONLY)
        guard number >= 0 else { throw .system("open the file of an upload", -number) }
        let source = Descriptor(number)
        guard try source.status().st_size == staged.size else {
            throw .unavailable("the file of an upload has not the size that was recorded of it")
        }
        let directory = try directories.open(String(key[..<slash]))
        defer { directory.close() }
        let entry = String(key[key.utf8.index(after: slash)...])
        if linkat(AT_FDCWD, "/proc/self/fd/\(number)", directory.descriptor, entry, AT_SYMLINK_FOLLOW) != 0 {
            guard errno == EEXIST else { throw .system("link an object to its key") }
            var (there, ours) = (stat(), stat())
            guard fstatat(directory.descriptor, entry, &there, AT_SYMLINK_NOFOLLOW) == 0, fstat(number, &ours) == 0
            else { throw .system("look at what holds a key") }
            guard there.st_ino == ours.st_ino, there.st_dev == ours.st_dev else { throw .keyTaken }
        }
        do throws(BlobStoreError) {
            try directories.sync(directory)
        } catch {
            throw .unsettled("an object was linked, but its directory could not be synced: \(error)")
        }
    }
}
