/// What time it is, as a value that tests can set.
public protocol WallClock: Sendable {
    /// The moment.
    func now() -> Timestamp
}
