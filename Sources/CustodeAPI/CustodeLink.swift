/// What a link is to be for.
public struct LinkOrder: Sendable, Encodable {
    /// What its holder may do.
    public enum Operation: String, Sendable, Codable {
        /// Read the object.
        case download
        /// Write it, once, in one request or in several.
        case upload
    }

    /// How a browser is to treat what it gets.
    public enum Disposition: String, Sendable, Codable {
        /// As a file to keep.
        case attachment
        /// Shown, where that is harmless.
        case inline
    }

    /// `input`, or an artifact's kind.
    public var object: String
    /// What its holder may do.
    public var operation: Operation
    /// For how many seconds it is good; `nil` leaves it to the policy, which also has a maximum.
    public var timeToLive: Int?
    /// How a browser is to treat what it gets; `nil` leaves it to the service.
    public var disposition: Disposition?
    /// Whether it is good for one reading.
    public var isOnce: Bool?
    /// How many bytes may be uploaded by it, less than the policy allows.
    public var maximumBytes: Int64?

    /// A link to one object of a job.
    public init(_ operation: Operation, _ object: String, timeToLive: Int? = nil) {
        self.operation = operation
        self.object = object
        self.timeToLive = timeToLive
    }

    private enum CodingKeys: String, CodingKey {
        case object, operation, disposition
        case timeToLive = "ttl_seconds"
        case isOnce = "once"
        case maximumBytes = "max_bytes"
    }
}

/// A link that was minted: whoever has it may use it.
public struct CustodeLink: Sendable, Decodable {
    /// The link.
    public let url: String
    /// The method that goes with it.
    public let method: String
    /// When it ends, RFC 3339 in UTC.
    public let expiresAt: String
    /// The object it is of.
    public let object: String

    /// The part of an upload link by which a resumable upload is begun: `Authorization: Bearer <token>`.
    public var token: String { String(url[url.index(after: url.lastIndex(of: "/") ?? url.startIndex)...]) }

    private enum CodingKeys: String, CodingKey {
        case url, method, object
        case expiresAt = "expires_at"
    }
}
