/// Something the tests stand on failed; never a verdict on the service itself.
public struct HarnessError: Error, CustomStringConvertible {
    /// What failed, with what is known about it.
    public let description: String

    /// An error that says this.
    public init(_ description: String) {
        self.description = description
    }

    /// An error that names a system call and its `errno`.
    static func system(_ call: String, _ code: Int32) -> HarnessError {
        HarnessError("\(call): errno \(code)")
    }
}
