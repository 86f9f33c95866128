/// A value made on first use and shared by everybody who asks afterwards, failures included.
public actor Once<Value: Sendable> {
    private let make: @Sendable () async throws -> Value
    private var making: Task<Value, any Error>?

    /// Remembers how to make the value; nothing happens yet.
    public init(_ make: @escaping @Sendable () async throws -> Value) {
        self.make = make
    }

    /// The value; the first caller has it made, the others wait for that.
    public func value() async throws -> Value {
        if let making { return try await making.value }
        // Kept and awaited by every caller, so it is never adrift; a cancelled caller must not undo it for the rest.
        let task = Task { [make] in try await make() }
        making = task
        return try await task.value
    }
}
