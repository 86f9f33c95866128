/// How an upload is cut into parts, such that the largest object there may be has no more parts than there may be.
///
/// S3's limits: 10,000 parts, each of 5 MiB to 5 GiB but the last, 5 TiB in all.
struct PartPlan: Sendable {
    static let usual: Int64 = 8 * 1_024 * 1_024
    static let mostParts = 10_000
    static let largestObject: Int64 = 5 * 1_024 * 1_024 * 1_024 * 1_024
    private static let mebibyte: Int64 = 1_024 * 1_024
    /// After how many parts the size doubles, where nobody knows how many there will be.
    private static let stride = 1_000

    private let fixed: Int64?

    /// - Parameter expectedSize: The size in bytes, where it is known.
    init(expectedSize: Int64?) {
        fixed = expectedSize.map { size in
            let least = (size + Int64(Self.mostParts) - 1) / Int64(Self.mostParts)
            return max(Self.usual, (least + Self.mebibyte - 1) / Self.mebibyte * Self.mebibyte)
        }
    }

    /// Parts of one size, of whatever number.
    init(partSize: Int64) { fixed = partSize }

    /// The size in bytes of a part, counted from 1; that of the last may be less.
    func size(of part: Int) -> Int64 { fixed ?? Self.usual << Int64((part - 1) / Self.stride) }
}
