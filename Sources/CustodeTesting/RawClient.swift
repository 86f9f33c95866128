/// An HTTP/1.1 client that sends what it is told, right or wrong, on a fresh connection each time.
public struct RawClient: Sendable {
    /// The port of 127.0.0.1 it talks to.
    public let port: UInt16

    /// A client of that port.
    public init(port: UInt16) {
        self.port = port
    }

    /// The `host:port` this client sends as `Host`.
    public var host: String { "127.0.0.1:\(port)" }

    /// Sends one request and reads the reply; a reply that comes before the body is sent ends the sending.
    ///
    /// `Host` and the body's framing are added unless the given headers have them.
    public func request(
        _ method: String, _ target: String, headers: HeaderList = [:], body: RequestBody = .none,
        within limit: Duration = .seconds(60)
    ) async throws -> RawResponse {
        let connection = try await RawConnection.open(port: port)
        defer { connection.close() }
        return try await connection.exchange(
            method, head(method, target, headers: headers, body: body) + body.wire, within: limit)
    }

    /// The bytes of a request's head, the blank line included.
    public func head(
        _ method: String, _ target: String, headers: HeaderList = [:], body: RequestBody = .none
    ) -> [UInt8] {
        var all: HeaderList = headers["Host"] == nil ? ["Host": host] : [:]
        all = all + headers + (headers["Content-Length"] == nil ? body.framing : [:])
        let fields = all.fields.map { "\($0.name): \($0.value)\r\n" }.joined()
        return Array("\(method) \(target) HTTP/1.1\r\n\(fields)\r\n".utf8)
    }

    /// Sends raw bytes and reads whatever reply comes, as to a request of this method.
    public func raw(
        _ bytes: [UInt8], method: String = "GET", within limit: Duration = .seconds(30)
    ) async throws -> RawResponse {
        let connection = try await RawConnection.open(port: port)
        defer { connection.close() }
        return try await connection.exchange(method, bytes, within: limit)
    }
}
