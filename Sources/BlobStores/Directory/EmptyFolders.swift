internal import CustodeCore
internal import Glibc

/// The folders that may be left empty by what was done to a batch of objects; only empty ones ever go.
struct EmptyFolders {
    /// Whether a folder is one that may go, by the components of its path.
    private let isRemovable: ([Substring]) -> Bool
    private var folders: [String] = []

    /// Folders below `users/{user}/jobs/`.
    static var ofJobs: EmptyFolders {
        EmptyFolders { $0.count > 3 && $0[0] == "users" && $0[2] == "jobs" }
    }

    /// Folders below `.trash/`.
    static var ofTrash: EmptyFolders {
        EmptyFolders { $0.count > 1 && $0[0] == ".trash" }
    }

    private init(_ isRemovable: @escaping ([Substring]) -> Bool) { self.isRemovable = isRemovable }

    /// Remembers a folder that something went from.
    mutating func note(_ folder: String) {
        if folders.last != folder { folders.append(folder) }
    }

    /// Removes what is empty of them, and of the folders above them that may go; failures are let be.
    func remove(beneath root: Int32) {
        for folder in folders {
            var parts = folder.split(separator: "/")
            while isRemovable(parts), let name = parts.popLast() {
                guard let upper = try? Descriptor.place(parts.joined(separator: "/"), in: root, flags: O_DIRECTORY)
                else { continue }
                let isGone = unlinkat(upper.number, String(name), AT_REMOVEDIR) == 0 || errno == ENOENT
                if !isGone { break }
            }
        }
    }
}
