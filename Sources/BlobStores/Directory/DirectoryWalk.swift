internal import CustodeCore
internal import Glibc

/// A walk through a directory, depth first, in the order of the keys' bytes; page by page.
///
/// No symbolic link is followed: each directory is opened by its name in the one that holds it. What vanishes on the
/// way is passed over. Whatever else goes wrong ends the walk with an error, so that it never looks complete.
final class DirectoryWalk {
    /// How many objects a page holds.
    static let pageSize = 4_096
    private static let bufferSize = 256 * 1_024

    private let scope: ListingScope
    private let calls: FileSystemCalls
    private let window: Int
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 16)
    private let excluded: [[UInt8]]
    // One for each level; those of levels that were left are kept for the next directory there.
    private var windows: [NameWindow] = []
    private var depth = 0
    // The path of the deepest, ended by a slash, and where each level's begins to end.
    private var path: [UInt8] = []
    private var lengths: [Int] = []
    private var hasStarted = false

    init(scope: ListingScope, calls: FileSystemCalls, window: Int) {
        self.scope = scope
        self.calls = calls
        self.window = window
        excluded = scope.excluded.map { Array($0.utf8) }
    }

    deinit { buffer.deallocate() }

    /// The next objects beneath a root; `nil` after the last.
    func page(beneath root: Int32) throws(BlobStoreError) -> ListingPage? {
        if !hasStarted { try start(root) }
        var blobs: [ListedBlob] = []
        blobs.reserveCapacity(Self.pageSize)
        var unreadable = 0
        while depth > 0, blobs.count + unreadable < Self.pageSize {
            let directory = windows[depth - 1]
            guard let name = try take(from: directory) else {
                leave()
                continue
            }
            if name.isDirectory {
                try enter(name, in: directory.descriptor)
            } else if let facts = try status(of: name, in: directory.descriptor) {
                path.append(contentsOf: name.bytes)
                if let key = String(validating: path, as: UTF8.self) {
                    blobs.append(ListedBlob(key: key, facts: facts.blobFacts))
                } else {
                    unreadable += 1
                }
                path.removeLast(name.bytes.count)
            }
        }
        return blobs.isEmpty && unreadable == 0 ? nil : ListingPage(blobs: blobs, unreadable: unreadable)
    }

    private func start(_ root: Int32) throws(BlobStoreError) {
        hasStarted = true
        let prefix = scope.prefix
        guard prefix.isEmpty || prefix.utf8.last == 0x2F && BucketPath(String(prefix.dropLast())) != nil else {
            throw .unavailable("cannot list what begins with \(prefix): it is no path of a directory")
        }
        path = Array(prefix.utf8)
        // A bucket that was removed holds nothing, but not because nothing was stored.
        var facts = stat()
        guard fstat(root, &facts) == 0, facts.st_nlink > 0 else { throw failure(ENOENT) }
        if excluded.contains(where: { path.starts(with: $0) }) { return }
        let descriptor = Beneath.open(
            prefix.isEmpty ? "." : String(prefix.dropLast()), in: root, flags: O_RDONLY | O_DIRECTORY)
        if descriptor >= 0 {
            push(descriptor)
        } else if prefix.isEmpty || !Beneath.meansAbsent(-descriptor) {
            throw failure(-descriptor)
        }
    }

    private func take(from directory: NameWindow) throws(BlobStoreError) -> NameWindow.Name? {
        do throws(SystemCallFailure) {
            return try directory.take(buffer)
        } catch {
            // A directory that was removed is read as one that is not there. The root is always there.
            if error.code == ENOENT, depth > 1 || !scope.prefix.isEmpty { return nil }
            throw failure(error.code)
        }
    }

    private func enter(_ name: NameWindow.Name, in directory: Int32) throws(BlobStoreError) {
        path.append(contentsOf: name.bytes)
        path.append(UInt8(ascii: "/"))
        guard !excluded.contains(where: { path.starts(with: $0) }) else {
            path.removeLast(name.text.count)
            return
        }
        let descriptor = calls.open(directory, name.cString)
        if descriptor >= 0 {
            push(descriptor)
        } else if descriptor == -ENOENT {
            path.removeLast(name.text.count)
        } else {
            throw failure(-descriptor)
        }
    }

    private func push(_ descriptor: Int32) {
        if depth == windows.count { windows.append(NameWindow(size: window, calls: calls)) }
        windows[depth].start(descriptor)
        depth += 1
        lengths.append(path.count)
    }

    private func leave() {
        depth -= 1
        windows[depth].close()
        lengths.removeLast()
        path.removeLast(path.count - (lengths.last ?? 0))
    }

    private func status(of name: NameWindow.Name, in directory: Int32) throws(BlobStoreError) -> stat? {
        var facts = stat()
        let code = calls.status(directory, name.cString, &facts)
        if code == -ENOENT { return nil }
        guard code == 0 else { throw failure(-code) }
        return facts.isRegular ? facts : nil
    }

    private func failure(_ code: Int32) -> BlobStoreError {
        .unavailable("cannot list \(String(decoding: path, as: UTF8.self)): \(String(cString: strerror(code)))")
    }
}
