/// Where a file from before lies.
public enum LegacyPlace: Sendable, Hashable, CustomStringConvertible {
    /// A file of this machine, by its absolute path without symbolic links.
    case file(String)
    /// An object of the bucket, by its key.
    case object(String)

    /// Reads back what ``description`` wrote; `nil` for anything else.
    public init?(_ text: String) {
        // By bytes: a mark that combines with the letter before it would go with that.
        if text.utf8.starts(with: Self.filePrefix.utf8) {
            self = .file(String(Substring(text.utf8.dropFirst(Self.filePrefix.utf8.count))))
        } else if text.utf8.starts(with: Self.objectPrefix.utf8) {
            self = .object(String(Substring(text.utf8.dropFirst(Self.objectPrefix.utf8.count))))
        } else {
            return nil
        }
    }

    /// The path or the key.
    public var path: String {
        switch self {
        case .file(let path): path
        case .object(let key): key
        }
    }

    /// `file:/srv/files/a.wav`, or `bucket:old/a.wav`.
    public var description: String {
        switch self {
        case .file(let path): Self.filePrefix + path
        case .object(let key): Self.objectPrefix + key
        }
    }

    private static let filePrefix = "file:"
    private static let objectPrefix = "bucket:"

    /// Compares byte for byte: names that differ in their Unicode normalization alone are two files.
    public static func == (left: LegacyPlace, right: LegacyPlace) -> Bool {
        left.description.utf8.elementsEqual(right.description.utf8)
    }

    /// Equal places have equal bytes.
    public func hash(into hasher: inout Hasher) {
        for byte in description.utf8 { hasher.combine(byte) }
    }
}

/// A file from before, as its source lists it.
public struct LegacyFile: Sendable, Equatable {
    /// How reports name it.
    public let name: String
    /// Where it lies; `nil` if it can be reached by no name, which no reference can mean either.
    public let place: LegacyPlace?
    /// How a reference may spell it.
    public let spellings: [String]
    /// Its size in bytes.
    public let size: Int64
    /// Why it cannot be copied, if that shows before anybody opens it.
    public let fault: MigrationDecision?
    /// What it is said to be, where the source says so itself.
    public let claim: LegacyClaim?

    /// A file as it was listed.
    public init(
        name: String, place: LegacyPlace?, spellings: [String] = [], size: Int64 = 0, fault: MigrationDecision? = nil,
        claim: LegacyClaim? = nil
    ) {
        self.name = name
        self.place = place
        self.spellings = spellings
        self.size = size
        self.fault = fault
        self.claim = claim
    }
}

/// What a line of a manifest says of a file.
public struct LegacyClaim: Sendable, Equatable {
    /// The job.
    public let job: JobID
    /// Which object of the job it is.
    public let object: ObjectName
    /// The cosmetic name, if the line gives one.
    public let filename: String?

    /// A claim.
    public init(job: JobID, object: ObjectName, filename: String?) {
        self.job = job
        self.object = object
        self.filename = filename
    }
}

extension LegacyClaim {
    /// Whether a text can be a cosmetic name.
    public static func isFilename(_ text: String) -> Bool { LegacyKey.isFilename(text) }

    /// Whether a text can be the key of an object that is to be migrated.
    public static func isKey(_ text: String) -> Bool { LegacyKey.isPlain(text) }
}

/// Where files come from.
public protocol LegacySource: Sendable {
    /// What it is called, the same in every run: `dir:/srv/files`.
    var name: String { get }

    /// Whether two of its files may be for one object.
    var mayContend: Bool { get }

    /// Lists all of it, from the beginning.
    ///
    /// - Throws: When it cannot be listed; ``LegacySourceFault`` if that is the operator's to mend.
    func files() async throws -> any LegacyListing
}

/// A listing under way.
public protocol LegacyListing: Sendable {
    /// The next files; `nil` after the last.
    func next() async throws -> [LegacyFile]?
}

/// What is wrong with a source, in words that say how to mend it.
public struct LegacySourceFault: Error, CustomStringConvertible, Sendable {
    /// One sentence, or several lines.
    public let description: String

    /// A fault.
    public init(_ description: String) { self.description = description }
}
