import CustodeAPI

/// What is asked for: a job.
struct JobOrder: Decodable {
    let type: String
    let filename: String
}

/// A job as clients are told of it.
struct JobReply: Encodable {
    let id: String
    let type: String
    let status: String
    let filename: String
    let hasInput: Bool
    let reason: String?
    let credits: Int64
    let createdAt: String
    let completedAt: String?

    init(_ job: Job) {
        (id, type, status, filename) = (job.id, job.type, job.status, job.filename)
        (hasInput, reason, credits) = (job.hasInput, job.reason, job.credits)
        (createdAt, completedAt) = (job.createdAt, job.completedAt)
    }

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

/// Where the input of a job is to be sent.
struct UploadReply: Encodable {
    /// For one `PUT` of it all.
    let url: String
    /// Where a resumable upload is begun with the token.
    let tusUrl: String
    let token: String
    let expiresAt: String

    init(_ link: CustodeLink) {
        url = link.url
        token = link.token
        expiresAt = link.expiresAt
        tusUrl = String(link.url.dropLast("/u/".count + link.token.count)) + "/v1/uploads"
    }
}

/// A job that was made, and where its input goes.
struct Created: Encodable {
    let job: JobReply
    let upload: UploadReply?
}

/// Jobs, and where the next ones begin.
struct Page: Encodable {
    let jobs: [JobReply]
    let next: String?

    private enum CodingKeys: CodingKey { case jobs, next }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(jobs, forKey: .jobs)
        try container.encode(next, forKey: .next)
    }
}

/// An object that a job holds, with a link to it if links were asked for.
struct ObjectReply: Encodable {
    struct Link: Encodable {
        let url: String
        let expiresAt: String
    }

    let object: String
    let filename: String?
    let contentType: String
    let size: Int64
    let sha256: String?
    let createdAt: String?
    let link: Link?

    init(_ object: CustodeObject, _ link: CustodeLink?) {
        self.object = object.object
        (filename, contentType, size) = (object.filename, object.contentType, object.size)
        (sha256, createdAt) = (object.sha256, object.createdAt)
        self.link = link.map { Link(url: $0.url, expiresAt: $0.expiresAt) }
    }
}

/// A job with what it holds.
struct Detail: Encodable {
    let job: JobReply
    let objects: [ObjectReply]
    let upload: UploadReply?
}
