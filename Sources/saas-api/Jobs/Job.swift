/// A job as its user sees it, and is told of it.
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

extension Job: Encodable {
    private enum CodingKeys: CodingKey {
        case id, type, status, filename, hasInput, reason, credits, createdAt, completedAt
    }

    // What is absent is told as null: clients need not ask whether a member is there.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(type, forKey: .type)
        try container.encode(status, forKey: .status)
        try container.encode(filename, forKey: .filename)
        try container.encode(hasInput, forKey: .hasInput)
        try container.encode(reason, forKey: .reason)
        try container.encode(credits, forKey: .credits)
        try container.encode(createdAt, forKey: .createdAt)
        try container.encode(completedAt, forKey: .completedAt)
    }
}
