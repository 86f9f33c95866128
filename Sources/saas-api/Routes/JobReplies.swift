import CustodeAPI

/// What is asked for: a job.
struct JobOrder: Decodable {
    let type: String
    let filename: String
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
    let job: Job
    let upload: UploadReply?
}

/// Jobs, and where the next ones begin.
struct Page: Encodable {
    let jobs: [Job]
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
    let job: Job
    let objects: [ObjectReply]
    let upload: UploadReply?
}
