/// A key taken apart: the directory that holds it, and its name there.
struct BucketPath {
    /// The directory's path beneath the root; empty for the root itself.
    let folder: String
    /// The name in that directory.
    let name: String

    /// Takes a key apart; `nil` if another spelling could mean the same place, or a place above.
    init?(_ key: String) {
        let parts = key.utf8.split(separator: 0x2F, omittingEmptySubsequences: false)
        guard let last = parts.last, parts.allSatisfy({ Self.isName($0) }) else { return nil }
        folder = String(Substring(key.utf8.dropLast(last.count + 1)))
        name = String(Substring(last))
    }

    private static func isName(_ part: Substring.UTF8View) -> Bool {
        if part.isEmpty || part.elementsEqual(".".utf8) || part.elementsEqual("..".utf8) { return false }
        return !part.contains(0)
    }
}
