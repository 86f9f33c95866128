internal import CustodeCore
internal import Glibc

/// A file descriptor that is closed when it goes.
struct Descriptor: ~Copyable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { _ = Glibc.close(number) }

    /// The place that a path means beneath a directory; `nil` if there is none.
    static func place(_ path: String, in directory: Int32, flags: Int32 = 0) throws(BlobStoreError) -> Descriptor? {
        let number = Beneath.open(path.isEmpty ? "." : path, in: directory, flags: Beneath.place | flags)
        if number >= 0 { return Descriptor(number) }
        guard Beneath.meansAbsent(-number) else { throw .system("look at a place of the bucket", -number) }
        return nil
    }

    /// What is known of what it stands for.
    func status() throws(BlobStoreError) -> stat {
        var facts = stat()
        guard fstat(number, &facts) == 0 else { throw .system("ask for the facts of an object") }
        return facts
    }

    /// Hands it over to somebody else to close.
    consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }
}
