import Foundation
import Glibc

/// A fresh folder under the system's temporary one, removed by the reaper at the latest.
public struct TestFolder: Sendable {
    /// The absolute path, without a trailing slash.
    public let path: String

    /// Makes the folder; others may look into it, since a database server runs as somebody else.
    public init() throws {
        var template = Array("/tmp/custode-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw HarnessError.system("mkdtemp", errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        chmod(path, 0o755)
        Reaper.shared.remove(folder: path)
    }

    /// Removes it now with all that it holds.
    public func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// The text of a file in it, or nil if there is none.
    public func text(_ name: String) -> String? {
        FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Every file below it that is not a folder, by path relative to it, with its size in bytes.
    public static func files(below root: String) -> [String: Int] {
        var found: [String: Int] = [:]
        guard let walk = FileManager.default.enumerator(atPath: root) else { return found }
        while let name = walk.nextObject() as? String {
            var info = stat()
            guard lstat(root + "/" + name, &info) == 0, info.st_mode & S_IFMT != S_IFDIR else { continue }
            found[name] = Int(info.st_size)
        }
        return found
    }
}
