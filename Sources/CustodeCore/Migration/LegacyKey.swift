/// A reference from before that may be a key of this bucket.
///
/// Nothing of it was derived by us, so it must not lead to what ids alone lead to: the key of another job's object,
/// quarantine, or the bucket's own files are never meant by it.
struct LegacyKey: Sendable, Equatable {
    /// The key.
    let text: String

    private static let reserved = [TrashPlace.root, ".custode/"]
    /// S3 knows no longer ones than 1,024 bytes, and no file system longer paths than this.
    private static let maximumLength = 4_096

    /// A key that a job refers to; `nil` if a job of this owner cannot mean it.
    init?(_ reference: String, of job: JobID, owner: UserID) {
        guard Self.isPlain(reference) else { return nil }
        // What is spelled by our grammar belongs to whom it names.
        if let key = ObjectKey(parsing: reference), key.user != owner || key.job != job { return nil }
        text = reference
    }

    /// Whether a text can be the key of an object that is nobody's by its name.
    static func isPlain(_ text: String) -> Bool {
        let bytes = text.utf8
        guard (1...maximumLength).contains(bytes.count), !bytes.contains(0),
            !reserved.contains(where: { bytes.starts(with: $0.utf8) })
        else { return false }
        return bytes.split(separator: 0x2F, omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
        }
    }

    /// The last part of a path as a cosmetic name; `nil` if it cannot be shown as one.
    static func filename(of path: String) -> String? {
        let name = path.utf8.split(separator: 0x2F).last.map { String(Substring($0)) } ?? ""
        return isFilename(name) ? name : nil
    }

    /// Whether a text can be a cosmetic name: 1 to 255 bytes, without control characters and slashes.
    static func isFilename(_ name: String) -> Bool {
        (1...255).contains(name.utf8.count) && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != 0x2F }
    }
}
