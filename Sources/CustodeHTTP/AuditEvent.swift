/// What a request did that somebody may want to know about later: its line in the log is a notice, and names the event.
///
/// Such a line says who did it to what: caller, user, job, object, link; never a token.
enum AuditEvent: String {
    /// Links were made; each is told by its nonce.
    case linksMinted = "links.minted"
    /// All links of a job were ended.
    case linksRevoked = "links.revoked"
    /// A link gave its object away.
    case linkUsed = "link.used"
    /// A credential got an object.
    case objectRead = "object.read"
    /// An object came to be, or came in the place of another.
    case objectStored = "object.stored"
    /// An object was given up for collection.
    case objectDeleted = "object.deleted"
    /// A resumable upload was begun.
    case uploadBegun = "upload.begun"
    /// A resumable upload was given up by its creator.
    case uploadDeleted = "upload.deleted"
}
