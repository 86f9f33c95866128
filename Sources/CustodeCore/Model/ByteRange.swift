/// A non-empty run of an object's bytes, both ends inclusive, as `Content-Range` spells it.
public struct ByteRange: Sendable, Equatable {
    /// The first byte's offset.
    public let first: Int64
    /// The last byte's offset, not before the first.
    public let last: Int64

    /// A range from `first` to `last`, both included.
    public init(first: Int64, last: Int64) {
        precondition(first >= 0 && first <= last, "a range holds at least one byte")
        self.first = first
        self.last = last
    }

    /// How many bytes it holds.
    public var count: Int64 { last - first + 1 }
}
