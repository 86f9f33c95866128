/// Whose credentials a request carries.
public enum Caller: Sendable {
    /// The first user of the world, through a key that may do everything.
    case alice
    /// The second user, through the same key.
    case bob
    /// A user, through the key that may do everything.
    case user(String)
    /// A user, through a key with the grant `delegate` only.
    case delegate(String)
    /// A user, through a key with the grant `artifacts` only.
    case worker(String)
    /// The key that may do everything, and no user.
    case nobody
    /// No credential at all.
    case stranger
}
