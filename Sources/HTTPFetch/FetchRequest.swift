public import NIOCore

/// One HTTP request.
public struct FetchRequest: Sendable {
    /// The method.
    public var method: String
    /// The absolute URL, sent byte for byte; without a user's name, and without a fragment, which no server sees.
    public var url: String
    /// The header fields, sent as they are; `Host` and `Content-Length` are made from the rest where they are missing.
    ///
    /// A `Content-Length` that is not the body's, and any `Transfer-Encoding`, are refused.
    public var headers: [(name: String, value: String)] = []
    /// The body.
    public var body = FetchRequestBody.none
    /// Whether it goes out on a connection of its own: on a used one that dies libcurl sends a request again.
    public var isNeverResent = false
    /// For how long the server may be silent, before the head of the reply and within its body.
    ///
    /// It does not count while the reader of the reply is what everything waits for.
    public var stall = Duration.seconds(30)

    /// A request without a body.
    public init(_ method: String, _ url: String) {
        self.method = method
        self.url = url
    }
}

/// Where the bytes of a request come from: something that can be read again, should a connection turn out dead.
public enum FetchRequestBody: Sendable {
    /// Nowhere.
    case none
    /// Memory.
    case bytes(ByteBuffer)
    /// A part of an open file, which stays as it is until the request has ended; what keeps it open is kept as long.
    case file(descriptor: Int32, offset: Int64, count: Int64, owner: any Sendable)

    /// How many bytes there are.
    public var count: Int64 {
        switch self {
        case .none: 0
        case .bytes(let buffer): Int64(buffer.readableBytes)
        case .file(_, _, let count, _): count
        }
    }
}
