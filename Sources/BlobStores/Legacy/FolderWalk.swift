internal import CustodeCore
internal import Glibc

/// Walks through a directory, telling everything in it that is no directory.
///
/// Unlike a bucket's listing it goes on past what cannot be read, and tells of it.
final class FolderWalk {
    /// How many files a page holds.
    static let pageSize = 2_000
    /// Where files that were removed lie: no source.
    private static let trash = Array(".trash".utf8)

    /// The directory, as it was named and as it is.
    struct Roots: Sendable {
        let given: String
        let real: String
        /// The bucket, if that is a directory.
        let bucket: String?

        /// The key of a file, if it lies in the bucket.
        func key(of path: String) -> String? {
            guard let bucket, path.utf8.starts(with: "\(bucket)/".utf8) else { return nil }
            return String(path.utf8.dropFirst(bucket.utf8.count + 1))
        }
    }

    private let roots: Roots
    // Paths below the root, of directories that are still to be read.
    private var waiting: [[UInt8]] = [[]]
    private var open: OpaquePointer?
    private var path: [UInt8] = []

    init(_ roots: Roots) { self.roots = roots }

    deinit { if let open { closedir(open) } }

    /// A path without symbolic links; `nil` if it leads nowhere, and `errno` says why.
    static func real(_ path: String) -> String? {
        guard let found = realpath(path, nil) else { return nil }
        defer { free(found) }
        return String(validatingCString: found)
    }

    /// The next files; `nil` after the last.
    func page() -> [LegacyFile]? {
        var files: [LegacyFile] = []
        while files.count < Self.pageSize {
            guard let directory = open else {
                guard let next = waiting.popLast() else { break }
                enter(next, &files)
                continue
            }
            errno = 0
            guard let entry = readdir(directory) else {
                if errno != 0 { files.append(unreadable(path, errno)) }
                closedir(directory)
                open = nil
                continue
            }
            take(entry, in: dirfd(directory), &files)
        }
        return files.isEmpty ? nil : files
    }

    private func enter(_ next: [UInt8], _ files: inout [LegacyFile]) {
        path = next
        let root = Glibc.open(roots.real, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { return files.append(unreadable(next, errno)) }
        defer { _ = close(root) }
        // Each step by its name: a directory that became a link meanwhile leads nowhere.
        let descriptor = Beneath.open(
            next.isEmpty ? "." : String(decoding: next, as: UTF8.self), in: root, flags: O_RDONLY | O_DIRECTORY)
        guard descriptor >= 0 else {
            if descriptor != -ENOENT { files.append(unreadable(next, -descriptor)) }
            return
        }
        open = fdopendir(descriptor)
    }

    private func take(
        _ entry: UnsafeMutablePointer<dirent>, in directory: Int32, _ files: inout [LegacyFile]
    ) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
        if name.elementsEqual(".".utf8) || name.elementsEqual("..".utf8) { return }
        let below = path.isEmpty ? name : path + [0x2F] + name
        var facts = stat()
        guard fstatat(directory, name.map { CChar(bitPattern: $0) } + [0], &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno != ENOENT { files.append(unreadable(below, errno)) }
            return
        }
        if facts.st_mode & S_IFMT == S_IFDIR {
            if path.isEmpty && name == Self.trash || wasSetAside(below) { return }
            if String(validating: below, as: UTF8.self) == nil { return files.append(unreachable(below)) }
            waiting.append(below)
            return
        }
        guard let text = String(validating: below, as: UTF8.self) else {
            // No reference can mean it, and no name of ours can reach it.
            return files.append(
                LegacyFile(name: String(decoding: below, as: UTF8.self), place: nil, size: Int64(facts.st_size)))
        }
        let real = Self.joined(roots.real, text)
        var spellings = [text, real]
        if roots.given != roots.real, roots.given.utf8.first == 0x2F {
            spellings.append(Self.joined(roots.given, text))
        }
        let key = roots.key(of: real)
        if let key, !key.utf8.elementsEqual(text.utf8) { spellings.append(key) }
        files.append(
            LegacyFile(
                name: text, place: key.map { .object($0) } ?? .file(real), spellings: spellings,
                size: Int64(facts.st_size),
                fault: facts.isRegular ? nil : .notAFile))
    }

    /// Whether it is a folder `.trash/{date}/{run}` of files that were set aside, wherever that is.
    private func wasSetAside(_ path: [UInt8]) -> Bool {
        let parts = path.split(separator: 0x2F).suffix(3).map(Array.init)
        return parts.count == 3 && parts[0] == Self.trash
            && RunID.removesSources(String(decoding: parts[2], as: UTF8.self))
    }

    /// What is in a directory of such a name no path of ours leads to.
    private func unreachable(_ path: [UInt8]) -> LegacyFile {
        LegacyFile(
            name: String(decoding: path, as: UTF8.self) + "/ (its name is no UTF-8)", place: nil, fault: .unreadable)
    }

    private func unreadable(_ path: [UInt8], _ code: Int32) -> LegacyFile {
        LegacyFile(
            name: String(decoding: path, as: UTF8.self) + "/ (\(String(cString: strerror(code))))", place: nil,
            fault: .unreadable)
    }

    private static func joined(_ root: String, _ path: String) -> String {
        root == "/" ? "/\(path)" : "\(root)/\(path)"
    }
}
