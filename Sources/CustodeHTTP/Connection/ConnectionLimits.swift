public import NIOCore

/// How patient a connection is.
public struct ConnectionLimits: Sendable {
    /// How long a request's head may take from its first byte to its last.
    public var head: TimeAmount = .seconds(10)
    /// How long a connection may rest between two requests.
    public var idle: TimeAmount = .seconds(75)
    /// How long a connection may rest, its next head take, and its last bytes linger, while connections are scarce.
    public var inCrowd: TimeAmount = .seconds(2)
    /// Over how long the rate of a body is measured.
    public var bodyWindow: TimeAmount = .seconds(30)
    /// The least rate of a body, in bytes per second, while the service waits for it.
    public var bodyRate = 1_024
    /// How long a client may take nothing of a reply that is ready for it.
    public var stalledReader: TimeAmount = .seconds(60)
    /// How long what a client still sends is read and dropped after a reply that ends the connection,
    /// so that a reset does not overtake the reply.
    public var linger: TimeAmount = .seconds(5)
    /// How often the clock is looked at.
    public var tick: TimeAmount = .seconds(1)

    /// The limits of production.
    public init() {}
}
