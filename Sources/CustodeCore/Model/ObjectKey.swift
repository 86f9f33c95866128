/// Where an object's bytes live in the bucket: the ownership path that everything else is derived from.
///
/// The grammar is `users/{user}/jobs/{job}/input/original[.{suffix}].{extension}` for inputs and
/// `users/{user}/jobs/{job}/output/{kind}[.{suffix}].{extension}` for artifacts. The suffix, six
/// characters of base32, tells a later writing of the same object from the first: a key is written once.
public struct ObjectKey: Sendable, Hashable, CustomStringConvertible {
    /// Why a key could not be made.
    public enum Fault: Error, Equatable {
        /// An id's encoding is longer than ``maximumComponentLength``.
        case idTooLong
    }

    /// The most bytes that an encoded id may take, so that every file system can hold it.
    public static let maximumComponentLength = 200
    /// The length of the suffix of a key that is not the object's first.
    public static let suffixLength = 6

    /// The key as the bucket knows it.
    public let text: String
    /// The owner.
    public let user: UserID
    /// The job.
    public let job: JobID
    /// Which object of the job.
    public let object: ObjectName
    /// What tells it from the object's first key; `nil` for that.
    public let suffix: String?

    /// Derives the key of an object from ids, never from anything a client spelled as a path.
    ///
    /// - Throws: ``Fault/idTooLong``.
    public init(
        user: UserID, job: JobID, object: ObjectName, suffix: String? = nil, extension fileExtension: String
    ) throws(Fault) {
        let encodedUser = Self.encode(user.text)
        let encodedJob = Self.encode(job.text)
        guard encodedUser.utf8.count <= Self.maximumComponentLength,
            encodedJob.utf8.count <= Self.maximumComponentLength
        else { throw .idTooLong }
        let name = object.isInput ? "input/original" : "output/\(object.text)"
        let middle = suffix.map { ".\($0)" } ?? ""
        text = "users/\(encodedUser)/jobs/\(encodedJob)/\(name)\(middle).\(fileExtension)"
        self.user = user
        self.job = job
        self.object = object
        self.suffix = suffix
    }

    /// What it is, for logs and people.
    public var description: String { text }

    /// Encodes an id as one path component, injectively.
    ///
    /// Bytes outside `[a-z0-9._-]` become `=hh`; the components `.` and `..` are encoded too.
    public static func encode(_ id: String) -> String {
        if id == "." { return "=2e" }
        if id == ".." { return "=2e=2e" }
        let digits = Array("0123456789abcdef".utf8)
        var encoded: [UInt8] = []
        encoded.reserveCapacity(id.utf8.count)
        for byte in id.utf8 {
            if isPlain(byte) {
                encoded.append(byte)
            } else {
                encoded += [0x3D, digits[Int(byte >> 4)], digits[Int(byte & 0xF)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x30...0x39, 0x2E, 0x5F, 0x2D: true
        default: false
        }
    }
}
