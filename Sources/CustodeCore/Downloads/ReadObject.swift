/// Opens an object of a job for somebody who may read it.
///
/// Everything that can fail does so before the first byte of a reply: the row is looked up, the
/// conditions are weighed, the range is planned and the bytes are opened, in this order.
public struct ReadObject: Sendable {
    private let catalog: any Catalog
    let store: any BlobStore
    let sniffer: any TypeSniffer
    let policy: Policy

    /// A reader over one catalog and one store.
    ///
    /// - Parameters:
    ///   - sniffer: Says what objects from before are, of which nobody recorded it.
    ///   - policy: What these may be.
    public init(catalog: any Catalog, store: any BlobStore, sniffer: any TypeSniffer, policy: Policy) {
        self.catalog = catalog
        self.store = store
        self.sniffer = sniffer
        self.policy = policy
    }

    /// What a reader asks for, beyond the object itself.
    public struct Request: Sendable {
        /// The conditions.
        public var precondition = Precondition()
        /// The `Range` field.
        public var range: String?
        /// The `If-Range` field.
        public var ifRange: String?
        /// Whether only the head of the reply is wanted.
        public var headOnly = false
        /// Whether somebody else will send the bytes, so that they need only be there.
        public var sentByOthers = false

        /// A plain request for all of it.
        public init() {}
    }

    /// What a reader gets.
    public struct Reply: Sendable {
        /// The object.
        public let object: ReadableObject
        /// Which bytes of it; `nil` if the reader has them already.
        public let plan: RangePlan?
        /// Where they come from; `nil` if none are to be sent from here.
        public let blob: (any OpenBlob)?
    }

    /// Reads as the user a credential acts for.
    public func callAsFunction(
        _ principal: Principal, _ job: JobID, _ object: ObjectName, _ request: Request
    ) async throws -> Reply {
        guard principal.mayRead else { throw Refusal.forbidden("The key grants no reading.") }
        guard let found = try await catalog.find(job, object), found.owner == principal.user else {
            throw Refusal.notFound
        }
        return try await reply(found, object, request)
    }

    /// Reads with a verified link.
    public func callAsFunction(_ link: LinkClaims, _ request: Request) async throws -> Reply {
        guard let found = try await catalog.find(link.job, link.object), link.isCurrent(for: found) else {
            throw Refusal.notFound
        }
        let reply = try await reply(found, link.object, request)
        // Used up only by a reply that carries bytes: a preview's HEAD, a 304 or a 416 costs nothing.
        if link.once, reply.plan != nil, !request.headOnly {
            guard try await catalog.burn(link.nonce, expires: link.expiresAt) else { throw Refusal.linkUsed }
        }
        return reply
    }

    private func reply(_ found: JobObject, _ name: ObjectName, _ request: Request) async throws -> Reply {
        switch found.reference {
        case nil: throw Refusal.notFound
        case .foreign(let reference): return try await legacyReply(reference, of: found, name, request)
        case .published(let record):
            return try await reply(ReadableObject(record), request) { plan in try await opened(record, plan) }
        }
    }

    /// - Parameter open: Opens the bytes for what will be read of them.
    func reply(
        _ object: ReadableObject, _ request: Request, open: (RangePlan?) async throws -> any OpenBlob
    ) async throws -> Reply {
        switch request.precondition.forReading(object.etag, modified: object.modified) {
        case .failed: throw Refusal.preconditionFailed(current: object.etag)
        case .notModified: return Reply(object: object, plan: nil, blob: nil)
        case .proceed: break
        }
        var plan = RangePlan.whole
        if !request.headOnly, let range = request.range, Self.applies(request.ifRange, object) {
            plan = try RangePlan(field: range, size: object.size)
        }
        let bytesAreOurs = !request.headOnly && !request.sentByOthers
        let blob = try await open(bytesAreOurs ? plan : nil)
        return Reply(object: object, plan: plan, blob: bytesAreOurs ? blob : nil)
    }

    private func opened(_ record: ObjectRecord, _ plan: RangePlan?) async throws -> any OpenBlob {
        let blob: any OpenBlob
        do {
            blob = try await store.open(record.key, reading: plan)
        } catch BlobStoreError.absent {
            throw Refusal.bytesMissing
        }
        // Bytes of another size are not this object's, whatever became of them.
        guard blob.size == record.size else { throw Refusal.bytesMissing }
        return blob
    }

    /// Whether a range still means the object it was asked for (RFC 9110 §13.1.5).
    private static func applies(_ ifRange: String?, _ object: ReadableObject) -> Bool {
        guard let ifRange else { return true }
        if ifRange.hasPrefix("\"") { return ifRange == object.etag.text }
        return Timestamp(httpDate: ifRange)?.seconds == object.modified.seconds
    }
}
