/// What a `FaultProxy` makes of a server's reply before it reaches the client.
public struct ResponseRewrite: Sendable {
    /// What `Content-Length` says of the new body.
    public enum Length: Sendable {
        /// The truth.
        case corrected
        /// What it said of the server's own body.
        case kept
        /// This number.
        case declared(Int)
    }

    /// Makes the new body of the server's.
    public var body: @Sendable (String) -> String
    /// What `Content-Length` says of it.
    public var length: Length
    /// How many bytes of the new body are sent before the connection ends, or nil for all of it.
    public var cutAfter: Int?
    /// How a connection that was cut, or whose length lied, ends.
    public var ending: ProxyFault.Ending

    /// A rewriting by this function.
    public init(
        length: Length = .corrected, cutAfter: Int? = nil, ending: ProxyFault.Ending = .finish,
        body: @escaping @Sendable (String) -> String = { $0 }
    ) {
        self.body = body
        self.length = length
        self.cutAfter = cutAfter
        self.ending = ending
    }

    /// Puts this text in the body's place.
    public static func text(_ text: String, length: Length = .corrected) -> ResponseRewrite {
        ResponseRewrite(length: length) { _ in text }
    }

    /// Replaces a part of the body wherever it stands.
    public static func replacing(_ part: String, with other: String) -> ResponseRewrite {
        ResponseRewrite { $0.replacing(part, with: other) }
    }

    /// Sends the head and this many bytes of the body, then ends the connection.
    public static func cut(afterBodyBytes count: Int, _ ending: ProxyFault.Ending = .finish) -> ResponseRewrite {
        ResponseRewrite(length: .kept, cutAfter: count, ending: ending)
    }

    /// The bytes on the wire instead of this reply, and whether the connection ends after them.
    func wire(_ head: MessageHead, body original: [UInt8]) -> (bytes: [UInt8], ends: Bool) {
        let whole = Array(body(String(decoding: original, as: UTF8.self)).utf8)
        let sent = whole.prefix(cutAfter ?? whole.count)
        let declared =
            switch length {
            case .corrected: whole.count
            case .kept: original.count
            case .declared(let count): count
            }
        let framing = ["content-length", "transfer-encoding"]
        var fields = head.headers.fields.filter { !framing.contains($0.name.lowercased()) }
        fields.append((name: "Content-Length", value: "\(declared)"))
        let lines = [head.startLine] + fields.map { "\($0.name): \($0.value)" }
        let bytes = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + sent
        return (bytes, cutAfter != nil || declared != sent.count)
    }
}
