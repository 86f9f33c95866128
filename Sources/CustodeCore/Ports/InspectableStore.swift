/// A store that can look for what is wrong with its surroundings.
public protocol InspectableStore: BlobStore {
    /// Tries out what the service needs of the bucket, on objects of its own, which it removes.
    func inspect() async -> [StoreFinding]
}

/// One thing that was tried out.
public struct StoreFinding: Sendable, Equatable {
    /// What it is about, in a word or two.
    public let name: String
    /// Whether it is as it should be.
    public let isGood: Bool
    /// What was found, and how to mend it if it is wrong.
    public let detail: String

    /// Something found.
    public init(_ name: String, isGood: Bool, _ detail: String) {
        self.name = name
        self.isGood = isGood
        self.detail = detail
    }
}
