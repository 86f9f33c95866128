/// What a link says: which object of which job, for what, until when.
///
/// It names ids and never paths, so that there is nothing to traverse.
public struct LinkClaims: Sendable, Equatable {
    /// What the bearer may do.
    public var operation: LinkOperation
    /// When it ends, in whole seconds since 1970.
    public var expires: UInt32
    /// The job.
    public var job: JobID
    /// The object of the job.
    public var object: ObjectName
    /// How a browser should treat a download.
    public var disposition: Disposition
    /// The job's link epoch when it was minted; a higher one since then ends the link.
    public var epoch: UInt32
    /// The fingerprint of the job's owner when it was minted; another owner's job is not what it was for.
    public var owner: UInt32
    /// Six bytes that tell it from every other link.
    public var nonce: [UInt8]
    /// Whether it works one time only.
    public var once: Bool
    /// The most bytes that an upload under it may have, where that is less than the policy's.
    public var maximumBytes: Int64?

    /// The length of a nonce in bytes.
    public static let nonceLength = 6

    /// A link's content.
    public init(
        operation: LinkOperation, expires: UInt32, job: JobID, object: ObjectName,
        disposition: Disposition = .attachment, epoch: UInt32, owner: UInt32, nonce: [UInt8], once: Bool = false,
        maximumBytes: Int64? = nil
    ) {
        precondition(nonce.count == Self.nonceLength, "a nonce has six bytes")
        self.operation = operation
        self.expires = expires
        self.job = job
        self.object = object
        self.disposition = disposition
        self.epoch = epoch
        self.owner = owner
        self.nonce = nonce
        self.once = once
        self.maximumBytes = maximumBytes
    }

    /// Whether a job, as the catalog knows it now, is the one the link was made for.
    public func isCurrent(for found: JobObject) -> Bool {
        found.linkEpoch == epoch && found.owner.fingerprint == owner
    }

    /// When it ends.
    public var expiresAt: Timestamp { Timestamp(seconds: Int64(expires)) }
}

/// What a link allows.
public enum LinkOperation: UInt8, Sendable, CaseIterable {
    /// `GET` and `HEAD` of the object.
    case download = 1
    /// One upload of the object.
    case upload = 2

    /// The name in requests and replies.
    public var name: String { self == .download ? "download" : "upload" }

    /// Reads the name; `nil` for any other text.
    public init?(name: String) {
        guard let operation = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = operation
    }
}

/// How a browser should treat a download (RFC 6266 §4.2).
public enum Disposition: UInt8, Sendable, CaseIterable {
    /// Save it.
    case attachment = 0
    /// Show or play it, where its type is one that is safe to.
    case inline = 1

    /// The name in requests and headers.
    public var name: String { self == .attachment ? "attachment" : "inline" }

    /// Reads the name; `nil` for any other text.
    public init?(name: String) {
        guard let disposition = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = disposition
    }
}
