/// The order of keys: by their bytes, as `COLLATE "C"` and S3 have it.
///
/// Swift's own comparison of strings takes canonically equivalent spellings for one.
enum KeyOrder {
    /// How one key lies to another.
    enum Relation { case before, same, after }

    static func relation(_ left: String, _ right: String) -> Relation {
        // Native strings lie in one piece, whose bytes are compared without asking for each.
        let quick = unsafe left.utf8.withContiguousStorageIfAvailable { left in
            unsafe right.utf8.withContiguousStorageIfAvailable { right in unsafe relation(left, right) }
        }
        if let quick = quick ?? nil { return quick }
        if left.utf8.elementsEqual(right.utf8) { return .same }
        return left.utf8.lexicographicallyPrecedes(right.utf8) ? .before : .after
    }

    private static func relation(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Relation {
        for index in 0..<min(left.count, right.count) {
            let (one, other) = unsafe (left[index], right[index])
            if one != other { return one < other ? .before : .after }
        }
        if left.count == right.count { return .same }
        return left.count < right.count ? .before : .after
    }
}
