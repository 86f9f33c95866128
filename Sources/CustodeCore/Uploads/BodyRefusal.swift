/// Why a body cannot become the object it was sent for.
public enum BodyRefusal: Error, Sendable, Equatable {
    /// There is no byte, and the object may not be empty.
    case empty
    /// The bytes are not what the client said they are.
    case typeMismatch(claimed: String, found: String)
    /// The bytes are of a type that this object does not take.
    case typeNotAccepted(found: String)
    /// The body is not strict UTF-8 without NUL; the offset is that of the first byte at fault.
    case notText(offset: Int)
    /// An ID3 tag has nothing behind it, or nothing that is sound.
    case emptyTag
}
