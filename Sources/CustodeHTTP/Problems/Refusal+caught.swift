internal import CustodeCore
internal import HummingbirdCore
internal import NIOCore
internal import NIOHTTP1

extension Refusal {
    /// What a client may be told of an error; `nil` if it is nobody's business but the operator's.
    init?(caught error: any Error) {
        switch error {
        case let refusal as Refusal: self = refusal
        case CatalogError.unavailable, CatalogError.cancelled: self = .unavailable(.database)
        case CatalogError.superseded: self = .uploadTaken
        case CredentialFault.rejected(_, let advice): self = .badCredential(advice)
        case CredentialFault.undecided: self = .unavailable(.issuer)
        case BlobStoreError.noRoom: self = .noRoom
        case BlobStoreError.absent: self = .bytesMissing
        case is BlobStoreError: self = .unavailable(.bucket)
        case is CancellationError: self = .unavailable(.service)
        case ConnectionTimeout.body: self = .requestTimeout
        case is HTTPParserError: self = .badRequest("The body is not framed as HTTP/1.1 wants it.")
        case is BodyEndedEarly: self = .badRequest("The body ended before its announced length.")
        default: return nil
        }
    }
}

/// The client closed before its body was complete.
struct BodyEndedEarly: Error {}
