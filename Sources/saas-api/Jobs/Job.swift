/// A job as its user sees it.
struct Job: Sendable {
    let id: String
    let type: String
    let status: String
    let filename: String
    let hasInput: Bool
    let reason: String?
    let credits: Int64
    /// RFC 3339 in UTC, as are all moments that are told.
    let createdAt: String
    let completedAt: String?
}
