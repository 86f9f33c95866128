/// What should exist: jobs, their owners and their objects.
///
/// Every answer is of the moment it is asked: nothing here may be cached.
public protocol Catalog: Sendable {
    /// Finds a job and what it refers to as this object; `nil` if there is no such job.
    func find(_ job: JobID, _ object: ObjectName) async throws(CatalogError) -> JobObject?

    /// Finds many at once; the answers are in the order of the questions.
    func find(_ wanted: [(job: JobID, object: ObjectName)]) async throws(CatalogError) -> [JobObject?]

    /// Finds a job with all objects it refers to; `nil` if there is no such job.
    func objects(of job: JobID) async throws(CatalogError) -> (owner: UserID, objects: [ObjectRecord])?

    /// Records, before the first byte is stored, that bytes may appear under a key.
    ///
    /// The plain key is taken if nobody has ever written it, else the one with the suffix.
    func beginUpload(
        job: JobID, object: ObjectName, plain: ObjectKey, suffixed: ObjectKey, lease: Duration
    ) async throws(CatalogError) -> UploadIntent

    /// Moves an intent to another key, before bytes appear there.
    func move(_ intent: UploadIntent, to key: ObjectKey) async throws(CatalogError) -> UploadIntent

    /// Keeps an intent alive for another lease from now.
    func renew(_ intent: UploadIntent, lease: Duration) async throws(CatalogError)

    /// Closes an intent under whose key no bytes were published.
    func cancel(_ intent: UploadIntent) async throws(CatalogError)

    /// Hands an intent whose bytes nobody will refer to over to collection.
    func abandon(_ intent: UploadIntent) async throws(CatalogError)

    /// Makes the job refer to an upload's bytes, in one transaction under the job's lock.
    func publish(_ publication: Publication) async throws(CatalogError) -> PublishOutcome

    /// Makes the job, if it is still this owner's, no longer refer to this object, in one transaction under the
    /// job's lock.
    ///
    /// - Parameter expectation: What the job must refer to; never ``Publication/Expectation/absent``.
    func forget(
        _ job: JobID, of owner: UserID, _ object: ObjectName, _ expectation: Publication.Expectation
    ) async throws(CatalogError) -> ForgetOutcome

    /// Makes every link of the job that was minted so far invalid.
    func revokeLinks(of job: JobID) async throws(CatalogError)

    /// Uses up a link that works once; false if it was used before.
    func burn(_ nonce: [UInt8], expires: Timestamp) async throws(CatalogError) -> Bool

    /// Whether a link that works once was used.
    func isBurnt(_ nonce: [UInt8]) async throws(CatalogError) -> Bool

    /// Confirms that the database answers and carries the schema this program needs.
    func probe() async throws(CatalogError)
}

/// A job, its owner, and what it refers to as one object.
public struct JobObject: Sendable, Equatable {
    /// The job, spelled as its column spells it.
    public let job: JobID
    /// Whose it is.
    public let owner: UserID
    /// The kind of work, which says what its input may be.
    public let type: JobType
    /// The number that links of this job must carry to be valid.
    public let linkEpoch: UInt32
    /// The object asked for, if the job refers to one.
    public let reference: Reference?

    /// What a job refers to.
    public enum Reference: Sendable, Equatable {
        /// An object that was published here.
        case published(ObjectRecord)
        /// A key or name that no publication of ours recorded.
        case foreign(String)
    }

    /// A row as the catalog read it.
    public init(job: JobID, owner: UserID, type: JobType, linkEpoch: UInt32, reference: Reference?) {
        self.job = job
        self.owner = owner
        self.type = type
        self.linkEpoch = linkEpoch
        self.reference = reference
    }
}

/// The kind of a job, as the `type` column says it.
public struct JobType: Sendable, Hashable {
    /// The column's text.
    public let text: String

    /// Takes a column's text as it is.
    public init(_ text: String) { self.text = text }
}

/// A promise, recorded before the bytes: they may be on their way to this key.
public struct UploadIntent: Sendable, Equatable {
    /// The row.
    public let id: Int64
    /// The key it covers.
    public let key: ObjectKey

    /// An intent as it was recorded.
    public init(id: Int64, key: ObjectKey) {
        self.id = id
        self.key = key
    }
}

/// An upload whose bytes are durable, ready to be referred to.
public struct Publication: Sendable {
    /// The intent under which the bytes were stored.
    public let intent: UploadIntent
    /// The job's owner when the upload was admitted.
    public let owner: UserID
    /// What to record; its creation time is the transaction's.
    public let record: ObjectRecord
    /// What the job must refer to now.
    public let expectation: Expectation
    /// A link that works once, and is used up by this.
    public let link: LinkClaims?
    /// A reference from before that this takes the place of, and that must still be there.
    public let rewrite: Rewrite?

    /// What must be so for the publication to happen.
    public enum Expectation: Sendable, Equatable {
        /// The job refers to nothing as this object.
        case absent
        /// The job refers to an object with this tag, which is replaced.
        case matches(ETag)
        /// The job refers to some object, which is replaced.
        case present
    }

    /// A publication to attempt.
    public init(
        intent: UploadIntent, owner: UserID, record: ObjectRecord, expectation: Expectation, link: LinkClaims? = nil,
        rewrite: Rewrite? = nil
    ) {
        self.intent = intent
        self.owner = owner
        self.record = record
        self.expectation = expectation
        self.link = link
        self.rewrite = rewrite
    }
}

/// How an attempt to publish ended.
public enum PublishOutcome: Sendable, Equatable {
    /// The job refers to it; recorded at this moment.
    case published(Timestamp)
    /// The job is gone, or is no longer the same user's.
    case jobGone
    /// Somebody else's upload was first.
    case exists
    /// The object to be replaced is gone or another.
    case changed
    /// The intent's lease ran out and collection took it over.
    case intentLost
    /// The link worked once, and was used.
    case linkUsed
}

/// How an attempt to forget ended.
public enum ForgetOutcome: String, Sendable {
    /// The job refers to it no longer.
    case forgotten
    /// The job refers to nothing as this object, is gone, or is somebody else's.
    case gone
    /// The object is another than was expected.
    case changed
}

/// Why the catalog could not answer.
public enum CatalogError: Error, Sendable, Equatable {
    /// The database cannot be reached, or is in no state to answer; trying later may help.
    case unavailable(String)
    /// The caller gave up.
    case cancelled
    /// The caller led a collection run or had claimed objects, and no longer does or has.
    case superseded
    /// The database refused in a way that nobody foresaw; the text is for operators.
    case failed(String)
}

extension CatalogError: CustomStringConvertible {
    /// For operators.
    public var description: String {
        switch self {
        case .unavailable(let text): "the database does not answer: \(text)"
        case .cancelled: "it was given up"
        case .superseded: "another run has taken over"
        case .failed(let text): "the database refused: \(text)"
        }
    }
}
