public import CustodeCore
public import Logging

/// Tells for the record what no single request did.
public struct AuditLog: Sendable {
    private let logger: Logger

    /// A record among the lines of a log.
    public init(logger: Logger) { self.logger = logger }

    /// An upload became an object, finished by a request or by recovery.
    @Sendable public func published(_ upload: ResumableUpload, _ record: ObjectRecord) {
        logger.notice(
            "upload",
            metadata: [
                "event": "\(AuditEvent.objectStored.rawValue)", "upload": "\(upload.id.name)",
                "user": "\(upload.creator.user.text)", "job": "\(record.job.text)", "object": "\(record.object.text)",
                "size": "\(record.size)", "sha256": "\(record.sha256.hex)",
            ])
    }
}
