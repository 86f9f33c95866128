/// A row of `jobs`.
public struct TestJob: Sendable {
    /// The kinds of work a job may be.
    public enum Kind: String, Sendable, CaseIterable {
        case transcription, translation, stream
    }

    /// The id, as text.
    public let id: String
    /// The id of the user it belongs to, as text.
    public let user: String
    /// The kind of work.
    public let kind: Kind

    /// A row that is there already.
    public init(id: String, user: String, kind: Kind) {
        (self.id, self.user, self.kind) = (id, user, kind)
    }

    /// The path of an object of the job, or of what else is below it.
    public func path(_ object: String) -> String {
        "/v1/jobs/\(id)/\(object)"
    }
}
