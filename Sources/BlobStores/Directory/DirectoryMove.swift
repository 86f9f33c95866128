internal import CLinux
internal import CustodeCore
internal import Glibc

/// One object on its way from one key of a directory to another.
struct DirectoryMove {
    /// How often it is tried anew when folders go while it is under way.
    private static let attempts = 10

    let root: Int32
    let calls: FileSystemCalls
    let move: BlobMove
    let from: BucketPath
    let to: BucketPath

    /// Moves the object; what it did is not durable before the file system has been synced.
    func run() -> BlobMove.Outcome {
        do throws(BlobStoreError) {
            for _ in 0..<Self.attempts {
                if let outcome = try attempt() { return outcome }
            }
            return .failed(.unavailable("cannot move an object: its folders come and go"))
        } catch {
            return .failed(error)
        }
    }

    /// What became of it; `nil` if a folder or the object went away in between.
    private func attempt() throws(BlobStoreError) -> BlobMove.Outcome? {
        guard let folder = try Descriptor.place(from.folder, in: root, flags: O_DIRECTORY),
            let source = try Descriptor.place(from.name, in: folder.number, flags: O_NOFOLLOW)
        else { return try earlierOutcome() }
        let before = try source.status()
        guard before.isRegular, before.blobFacts.etag == move.expected.etag, before.st_size == move.expected.size
        else { return .changed }
        guard let destination = try makeFolder(to.folder) else { return nil }
        if move.renewsAge {
            // Looked for before the rename would: what stays must keep its age.
            guard try Descriptor.place(to.name, in: destination.number, flags: O_NOFOLLOW) == nil else {
                return .changed
            }
            try date(source, timespec(tv_sec: 0, tv_nsec: custode_utime_now))
        }
        let code = calls.rename(folder.number, from.name, destination.number, to.name)
        if code != 0 {
            if move.renewsAge { try date(source, before.st_mtim) }
            switch -code {
            case EEXIST: return .changed
            case ENOENT: return nil
            default: throw .system("move an object", -code)
            }
        }
        if try isMoved(before, to: destination.number) { return .moved }
        guard calls.rename(destination.number, to.name, folder.number, from.name) == 0 else {
            throw .unavailable("an object took another's place while that was moved, and could not be put back")
        }
        return .changed
    }

    /// Whether what is at the new place is what was looked at, and still what it was.
    private func isMoved(_ before: stat, to folder: Int32) throws(BlobStoreError) -> Bool {
        var after = stat()
        let code = calls.status(folder, to.name, &after)
        guard code == 0 else { throw .system("ask for the facts of a moved object", -code) }
        guard after.st_ino == before.st_ino, after.st_dev == before.st_dev else { return false }
        return after.st_size == before.st_size && (move.renewsAge || after.blobFacts.etag == move.expected.etag)
    }

    /// What an earlier move did, which may have been interrupted: the source is gone.
    private func earlierOutcome() throws(BlobStoreError) -> BlobMove.Outcome {
        guard let folder = try Descriptor.place(to.folder, in: root, flags: O_DIRECTORY),
            let destination = try Descriptor.place(to.name, in: folder.number, flags: O_NOFOLLOW)
        else { return .absent }
        let facts = try destination.status()
        guard facts.isRegular, facts.st_size == move.expected.size else { return .changed }
        return move.renewsAge || facts.blobFacts.etag == move.expected.etag ? .moved : .changed
    }

    /// The folder, made with those above it where they are missing; `nil` if it went away meanwhile.
    private func makeFolder(_ path: String) throws(BlobStoreError) -> Descriptor? {
        let found = Beneath.open(path.isEmpty ? "." : path, in: root, flags: Beneath.place | O_DIRECTORY)
        if found >= 0 { return Descriptor(found) }
        guard found == -ENOENT, let place = BucketPath(path) else {
            throw .system("open a directory of the bucket", -found)
        }
        guard let upper = try makeFolder(place.folder) else { return nil }
        guard mkdirat(upper.number, place.name, 0o750) == 0 || errno == EEXIST else {
            // A folder that was removed while it is open takes no new entries.
            if errno == ENOENT { return nil }
            throw .system("make a directory in the bucket")
        }
        return try Descriptor.place(place.name, in: upper.number, flags: O_DIRECTORY)
    }

    private func date(_ file: borrowing Descriptor, _ modified: timespec) throws(BlobStoreError) {
        let times = [timespec(tv_sec: 0, tv_nsec: custode_utime_omit), modified]
        guard utimensat(file.number, "", times, custode_at_empty_path) == 0 else {
            throw .system("date an object anew")
        }
    }
}
