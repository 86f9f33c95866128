/// The order of keys: by their bytes, as `COLLATE "C"` and S3 have it.
///
/// Swift's own comparison of strings takes canonically equivalent spellings for one.
enum KeyOrder {
    /// How one key lies to another.
    enum Relation { case before, same, after }

    static func relation(_ left: String, _ right: String) -> Relation {
        var others = right.utf8.makeIterator()
        for byte in left.utf8 {
            guard let other = others.next() else { return .after }
            if byte != other { return byte < other ? .before : .after }
        }
        return others.next() == nil ? .same : .before
    }
}
