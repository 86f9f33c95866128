/// A TCP proxy on 127.0.0.1 that forwards to a server and does on the way what networks and servers do on bad days.
///
/// Faults act on all connections, open ones included, and of each kind (and direction) the one set last stands.
/// Rules match the request line, such as `PUT /bucket/key HTTP/1.1`, by a part of it; the first rule that matches
/// and is not used up acts. Requests must not be pipelined; what is not HTTP/1.1 is forwarded as it comes.
public final class FaultProxy: Sendable {
    private let core: FaultProxyCore

    /// Listens at a free port and forwards to this IPv4 host and port.
    public init(to port: UInt16, host: String = "127.0.0.1") throws {
        core = try FaultProxyCore(host: host, port: port)
    }

    deinit {
        core.stop()
    }

    /// The port it listens on.
    public var port: UInt16 { core.port }

    /// The URL of that port.
    public var url: String { "http://127.0.0.1:\(port)" }

    /// How many connections it has accepted.
    public var connectionCount: Int { core.connectionCount }

    /// The lines of all requests so far, in the order in which their heads were complete.
    public var requestLines: [String] { core.requestLines }

    /// How many requests so far have this part in their line.
    public func count(matching part: String) -> Int {
        requestLines.count { $0.contains(part) }
    }

    /// Forgets the requests so far.
    public func forgetRequests() {
        core.forgetRequests()
    }

    /// Sets a fault; a cut or a stall hits so many connections and is then used up.
    ///
    /// The bytes of a cut or a stall are counted for each connection from now on.
    public func set(_ fault: ProxyFault, times: Int = .max) {
        core.set(fault, times: times)
    }

    /// Answers matching requests without asking the server, after letting so many of them pass.
    ///
    /// A request that expects `100 Continue` is answered at once, and its connection ends.
    public func answer(
        matching part: String, with response: CannedResponse, skipping: Int = 0, times: Int = .max
    ) {
        core.add(.answer(response), matching: part, skipping: skipping, times: times)
    }

    /// Rewrites the replies to matching requests, after letting so many of them pass.
    public func rewrite(
        matching part: String, by rewrite: ResponseRewrite, skipping: Int = 0, times: Int = 1
    ) {
        core.add(.rewrite(rewrite), matching: part, skipping: skipping, times: times)
    }

    /// Has the server do what matching requests ask, then ends the connection in the place of a reply.
    public func loseReply(
        matching part: String, _ ending: ProxyFault.Ending = .reset, skipping: Int = 0, times: Int = 1
    ) {
        core.add(.lose(ending), matching: part, skipping: skipping, times: times)
    }

    /// Holds back matching requests before the server sees them, or its replies to them, until `release()`.
    ///
    /// The connection ends instead if the client closes its side while its request is held.
    public func hold(
        matching part: String, _ direction: ProxyFault.Direction, skipping: Int = 0, times: Int = 1
    ) {
        core.add(.hold(direction), matching: part, skipping: skipping, times: times)
    }

    /// How many requests or replies are held, or were.
    public var heldCount: Int { core.heldCount }

    /// Lets go of all that is held.
    public func release() {
        core.release()
    }

    /// Ends all connections that are open.
    public func endConnections(_ ending: ProxyFault.Ending = .reset) {
        core.endConnections(ending)
    }

    /// Takes back all faults and rules, and listens again on its port if it refused.
    ///
    /// A connection that is stalled stays so.
    public func clear() throws {
        try core.clear()
    }

    /// Stops listening and ends all connections.
    public func stop() {
        core.stop()
    }
}
