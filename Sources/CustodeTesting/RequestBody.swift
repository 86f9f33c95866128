/// What follows a request's head, and how its end is told.
public enum RequestBody: Sendable {
    /// No body and no framing header.
    case none
    /// A body with its `Content-Length`.
    case bytes([UInt8])
    /// A chunked body of these chunks.
    case chunked([[UInt8]])
    /// A body with no framing header of its own: the caller's headers tell, truly or not.
    case raw([UInt8])

    /// A body of this text with its `Content-Length`.
    public static func text(_ text: String) -> RequestBody {
        .bytes(Array(text.utf8))
    }

    /// A JSON body; the content type is the caller's to send.
    public static func json(_ value: JSON) -> RequestBody {
        .text(value.description)
    }

    var framing: HeaderList {
        switch self {
        case .none, .raw: [:]
        case .bytes(let bytes): ["Content-Length": String(bytes.count)]
        case .chunked: ["Transfer-Encoding": "chunked"]
        }
    }

    /// The body as it stands on the wire.
    public var wire: [UInt8] {
        switch self {
        case .none: []
        case .bytes(let bytes), .raw(let bytes): bytes
        case .chunked(let chunks): chunks.filter { !$0.isEmpty }.flatMap(Self.chunk) + Self.lastChunk
        }
    }

    /// One chunk as it stands on the wire.
    public static func chunk(_ bytes: [UInt8]) -> [UInt8] {
        Array((String(bytes.count, radix: 16) + "\r\n").utf8) + bytes + Array("\r\n".utf8)
    }

    /// The chunk that ends a chunked body.
    public static let lastChunk = Array("0\r\n\r\n".utf8)
}
