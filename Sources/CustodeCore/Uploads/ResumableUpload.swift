/// An upload that may come in several requests, as the catalog holds it.
public struct ResumableUpload: Sendable, Equatable {
    /// Its unguessable name.
    public let id: UploadID
    /// Who began it: nobody else may touch it.
    public let creator: UploadCreator
    /// The protocol it was begun with, which says what completes it.
    public let dialect: UploadDialect
    /// What it is to become; `nil` for a partial upload, which only others are made of.
    public let target: Target?
    /// The partial uploads it is made of, in order, each as often as it was named; empty for any other.
    public let parts: [UploadID]
    /// `Upload-Concat` and `Upload-Metadata` as they were sent.
    public let declared: Declared
    /// The most bytes it may have.
    public let limit: Int64
    /// The SHA-256 that the whole must have.
    public var digest: Digest?
    /// How many bytes it will have, once that is known.
    public var length: Int64?
    /// How many bytes are durable: it never decreases.
    public var offset: Int64
    /// How far it has come.
    public var state: State
    /// Which appending request is the last that was let in; an earlier one can record nothing any more.
    public var epoch: Int64
    /// When it may be given up.
    public var expires: Timestamp
    /// What has been found out about its bytes.
    public var progress: Progress
    /// Where its bytes are to be, once they are stored.
    public var intent: UploadIntent?
    /// What the store needs to go on with them.
    public var staged: StagedBlob

    /// An object of a job.
    public struct Target: Sendable, Equatable {
        /// The job, spelled as its column spells it.
        public let job: JobID
        /// The kind of work, which says what its input may be.
        public let type: JobType
        /// The object.
        public let object: ObjectName
        /// The type that the client named.
        public let claim: MediaType?
        /// The cosmetic name.
        public let filename: String?
        /// What the job must refer to when it is published.
        public let expectation: Publication.Expectation

        /// A target as it was declared.
        public init(
            job: JobID, type: JobType, object: ObjectName, claim: MediaType?, filename: String?,
            expectation: Publication.Expectation
        ) {
            self.job = job
            self.type = type
            self.object = object
            self.claim = claim
            self.filename = filename
            self.expectation = expectation
        }
    }

    /// What is told again as it was told.
    public struct Declared: Sendable, Equatable {
        /// `Upload-Metadata`; `nil` if there was none.
        public let metadata: String?
        /// `Upload-Concat`; `nil` if there was none.
        public let concat: String?

        /// Fields as they were sent.
        public init(metadata: String? = nil, concat: String? = nil) {
            self.metadata = metadata
            self.concat = concat
        }
    }

    /// How far an upload has come.
    public enum State: Sendable, Equatable {
        /// More may come.
        case receiving
        /// All bytes are stored, and will be published by whoever comes first.
        case completing
        /// It is the object, or a partial upload that is whole.
        case done(ObjectRecord?)
        /// It came to nothing, and why.
        case ended(UploadEnding)
    }

    /// What has been found out about the bytes so far.
    public struct Progress: Sendable, Equatable {
        /// Bytes that wait to be judged, and are in no store yet.
        public var held: [UInt8]
        /// The judgement's state; `nil` before the first byte.
        public var judgement: [UInt8]?
        /// The type it will be published as; `nil` while nothing is stored.
        public var contentType: String?
        /// The SHA-256 of all bytes, once they are all there.
        public var sha256: Digest?

        /// What is known of no bytes, if nothing else is said.
        public init(
            held: [UInt8] = [], judgement: [UInt8]? = nil, contentType: String? = nil, sha256: Digest? = nil
        ) {
            self.held = held
            self.judgement = judgement
            self.contentType = contentType
            self.sha256 = sha256
        }
    }

    /// An upload as a catalog holds it.
    public init(
        id: UploadID, creator: UploadCreator, dialect: UploadDialect, target: Target?, parts: [UploadID] = [],
        declared: Declared = Declared(), limit: Int64, digest: Digest? = nil, length: Int64?, offset: Int64 = 0,
        state: State = .receiving, epoch: Int64 = 0, expires: Timestamp, progress: Progress = Progress(),
        intent: UploadIntent? = nil, staged: StagedBlob
    ) {
        self.id = id
        self.creator = creator
        self.dialect = dialect
        self.target = target
        self.parts = parts
        self.declared = declared
        self.limit = limit
        self.digest = digest
        self.length = length
        self.offset = offset
        self.state = state
        self.epoch = epoch
        self.expires = expires
        self.progress = progress
        self.intent = intent
        self.staged = staged
    }
}

/// The name of a resumable upload: 128 random bits in 26 characters of base32.
public struct UploadID: Sendable, Hashable, CustomStringConvertible {
    private static let length = 26
    private static let alphabet = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

    /// The name.
    public let text: String

    /// A name that nobody can guess.
    public init(random: any RandomSource) {
        text = String(
            decoding: random.bytes(Self.length).map { Self.alphabet[Int($0 & 31)] }, as: UTF8.self)
    }

    /// Reads a name; `nil` for anything that cannot be one.
    public init?(_ text: String) {
        guard text.utf8.count == Self.length, text.utf8.allSatisfy(Self.alphabet.contains) else { return nil }
        self.text = text
    }

    /// What it is called in logs: enough to tell it from others, too little to guess the rest, which is 90 bits.
    public var name: String { String(text.prefix(8)) }

    /// What it is, for people; not for logs, since who knows it holds half of what it takes to use it.
    public var description: String { text }
}

/// Who began a resumable upload.
public struct UploadCreator: Sendable, Equatable {
    /// The user acted for.
    public let user: UserID
    /// The link it came through; `nil` for a credential.
    public let link: Link?

    /// What must be remembered of a link.
    public struct Link: Sendable, Equatable {
        /// What tells it from every other link.
        public let nonce: [UInt8]
        /// The job's link epoch when it was minted.
        public let epoch: UInt32
        /// When it ends, in whole seconds since 1970.
        public let expires: UInt32
        /// Whether it works one time only.
        public let once: Bool

        /// A link as a catalog remembers it.
        public init(nonce: [UInt8], epoch: UInt32, expires: UInt32, once: Bool) {
            self.nonce = nonce
            self.epoch = epoch
            self.expires = expires
            self.once = once
        }

        /// What must be remembered of these claims.
        init(_ claims: LinkClaims) {
            self.init(nonce: claims.nonce, epoch: claims.epoch, expires: claims.expires, once: claims.once)
        }
    }

    /// A creator.
    public init(user: UserID, link: Link? = nil) {
        self.user = user
        self.link = link
    }
}

/// The protocol that an upload follows.
public enum UploadDialect: String, Sendable {
    /// tus 1.0.0: complete when the offset is the length.
    case tus
    /// draft-ietf-httpbis-resumable-upload: complete when a request says so.
    case draft
}

/// Why an upload came to nothing.
public enum UploadEnding: Sendable, Equatable {
    /// Its creator gave it up.
    case terminated
    /// It rested for too long.
    case expired
    /// The bytes are not what the object may hold.
    case unsupportedType(String)
    /// More came than it was to have.
    case tooLarge(limit: Int64)
    /// The bytes are not those that were announced.
    case wrongDigest
    /// The job is gone, or its links were revoked.
    case jobGone
    /// Another upload of the object was published first.
    case exists
    /// The object to be replaced is gone or another.
    case changed
    /// The link worked once, and another upload used it.
    case linkUsed
}
