/// Receives one object of a job, whole, and makes the job refer to it.
///
/// A crash, a time-out or a lost reply at any point leaves either the old state, or bytes that an
/// intent remembers and nothing refers to. The reference is written last.
public struct PutObject: Sendable {
    let catalog: any Catalog
    let store: any BlobStore
    let sniffer: any TypeSniffer
    let policy: Policy
    let clock: any WallClock
    let random: any RandomSource

    /// A receiver over one catalog and one store.
    public init(
        catalog: any Catalog, store: any BlobStore, sniffer: any TypeSniffer, policy: Policy,
        clock: any WallClock, random: any RandomSource
    ) {
        self.catalog = catalog
        self.store = store
        self.sniffer = sniffer
        self.policy = policy
        self.clock = clock
        self.random = random
    }

    /// What an uploader says of the body before sending it.
    public struct Request: Sendable {
        /// The media type it claims.
        public var claim: MediaType?
        /// The cosmetic name.
        public var filename: String?
        /// The SHA-256 the bytes must have.
        public var digest: Digest?
        /// How many bytes there will be; `nil` if that is not known.
        public var length: Int64?
        /// The conditions.
        public var precondition = Precondition()
        /// A link's own bound on the size in bytes.
        var maximumBytes: Int64?
        /// A link that this upload uses up.
        var link: LinkClaims?
        /// The reference from before that this takes the place of.
        var rewrite: Rewrite?
        /// The object whose bytes these are, if the store can copy it by itself.
        var original: Original?

        /// An upload that says nothing of itself.
        public init() {}
    }

    /// An upload that may begin.
    public struct Admission: Sendable {
        let found: JobObject
        let object: ObjectName
        let request: Request
        let rule: Policy.ObjectRule
        let limit: Int64
        let expectation: Publication.Expectation

        /// Whose bytes they will be.
        public var owner: UserID { found.owner }
        /// How many there will be; `nil` if that is not known.
        public var length: Int64? { request.length }
    }

    /// An object of the same store that is read as the body.
    struct Original: Sendable {
        let key: String
        let facts: BlobFacts
        let store: any CopyingStore
    }

    /// What can be said before the body is read.
    public enum Decision: Sendable {
        /// Send it.
        case proceed(Admission)
        /// These very bytes are there already: a repetition whose first reply was lost.
        case alreadyThere(ObjectRecord)
    }

    /// What an upload led to.
    public struct Outcome: Sendable {
        /// The object.
        public let record: ObjectRecord
        /// Whether it is new, rather than in the place of another.
        public let created: Bool

        /// The end of an upload.
        public init(record: ObjectRecord, created: Bool) {
            self.record = record
            self.created = created
        }
    }

    /// Decides, before a byte is read, whether the user of a credential may send this.
    public func admit(
        _ principal: Principal, _ job: JobID, _ object: ObjectName, _ request: Request
    ) async throws -> Decision {
        guard principal.mayWrite(object) else {
            throw Refusal.forbidden("Writing this object needs the grant \(object.isInput ? "delegate" : "artifacts").")
        }
        guard policy.rule(for: object) != nil, let found = try await catalog.find(job, object),
            found.owner == principal.user
        else { throw Refusal.notFound }
        return try decide(found, object, request)
    }

    /// Decides, before a byte is read, whether the bearer of a verified link may send this.
    public func admit(_ link: LinkClaims, _ request: Request) async throws -> Decision {
        guard policy.rule(for: link.object) != nil, let found = try await catalog.find(link.job, link.object),
            link.isCurrent(for: found)
        else { throw Refusal.notFound }
        if link.once, try await catalog.isBurnt(link.nonce) { throw Refusal.linkUsed }
        var request = request
        request.maximumBytes = link.maximumBytes
        request.link = link.once ? link : nil
        return try decide(found, link.object, request)
    }

    private func decide(_ found: JobObject, _ object: ObjectName, _ request: Request) throws(Refusal) -> Decision {
        guard let rule = policy.limits(for: object, of: found.type) else {
            throw .unsupportedType("The policy says nothing of the input of \(found.type.text) jobs.")
        }
        var current: ObjectRecord?
        switch found.reference {
        case .published(let record): current = record
        case .foreign: throw .bytesMissing
        case nil: break
        }
        let expectation: Publication.Expectation
        do {
            expectation = try request.precondition.forWriting(over: current)
        } catch .exists(let record) where request.digest == record.sha256 {
            return .alreadyThere(record)
        }
        let limit = min(rule.maximumBytes, request.maximumBytes ?? .max)
        if let length = request.length, length > limit { throw .tooLarge(limit: limit) }
        return .proceed(
            Admission(
                found: found, object: object, request: request, rule: rule, limit: limit, expectation: expectation))
    }
}
