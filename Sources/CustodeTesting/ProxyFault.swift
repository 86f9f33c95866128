/// What a `FaultProxy` does to connections besides forwarding bytes.
public enum ProxyFault: Sendable {
    /// Which way bytes go.
    public enum Direction: Sendable {
        /// From the client to the server.
        case toServer
        /// From the server to the client.
        case toClient
    }

    /// How a connection ends.
    public enum Ending: Sendable {
        /// By FIN, as if the other side had closed it in peace.
        case finish
        /// By RST, as if the other side had crashed.
        case reset
    }

    /// Waits before a request, or a piece of something that is not HTTP, is forwarded.
    case latency(Duration)

    /// Ends both sides of a connection once this many bytes, heads included, went in this direction.
    case cut(afterBytes: Int, Direction, Ending)

    /// Forwards nothing more in this direction after this many bytes, and keeps the connection open.
    case stall(afterBytes: Int, Direction)

    /// Forwards this many bytes per second on each connection.
    case slow(bytesPerSecond: Int, Direction)

    /// Closes the listener, so that connections are refused; those that are open go on.
    case refuse

    /// Accepts connections and never answers.
    public static let silence = ProxyFault.stall(afterBytes: 0, .toServer)
}
