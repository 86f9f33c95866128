import Foundation

extension World {
    /// The headers that carry a caller's credentials.
    public func credentials(of caller: Caller) -> HeaderList {
        switch caller {
        case .alice: bearer(bothKey, alice)
        case .bob: bearer(bothKey, bob)
        case .user(let user): bearer(bothKey, user)
        case .delegate(let user): bearer(delegateKey, user)
        case .worker(let user): bearer(workerKey, user)
        case .nobody: ["Authorization": "Bearer \(bothKey.text)"]
        case .stranger: [:]
        }
    }

    private func bearer(_ key: ServiceKey, _ user: String) -> HeaderList {
        ["Authorization": "Bearer \(key.text)", "Custode-User": user]
    }

    /// Sends one request as somebody and reads the reply.
    public func send(
        _ method: String, _ target: String, as caller: Caller = .alice, headers: HeaderList = [:],
        body: RequestBody = .none, within limit: Duration = .seconds(60)
    ) async throws -> RawResponse {
        try await service.client.request(
            method, target, headers: credentials(of: caller) + headers, body: body, within: limit)
    }

    /// Uploads an object of a job as the job's user.
    public func put(
        _ object: String, of job: TestJob, _ bytes: [UInt8], type: String? = nil, headers: HeaderList = [:]
    ) async throws -> RawResponse {
        let claim: HeaderList = if let type { ["Content-Type": type] } else { [:] }
        return try await send(
            "PUT", job.path(object), as: .user(job.user), headers: claim + headers, body: .bytes(bytes))
    }

    /// Uploads an object that must be taken, and returns what the service says of it.
    public func store(
        _ object: String, of job: TestJob, _ bytes: [UInt8], type: String? = nil, headers: HeaderList = [:]
    ) async throws -> JSON {
        let reply = try await put(object, of: job, bytes, type: type, headers: headers)
        guard reply.status == 201 else { throw HarnessError("upload of \(object): \(reply.summary)") }
        return reply.json
    }

    /// A new transcription job of alice's with an input of these bytes.
    public func jobWithInput(_ bytes: [UInt8] = Sample.wav()) async throws -> TestJob {
        let job = try await newJob()
        _ = try await store("input", of: job, bytes, type: "audio/wav")
        return job
    }

    /// Fetches an object as the job's user.
    public func get(
        _ object: String, of job: TestJob, headers: HeaderList = [:]
    ) async throws -> RawResponse {
        try await send("GET", job.path(object), as: .user(job.user), headers: headers)
    }

    /// Asks for a link to an object and returns the reply.
    public func mint(
        _ object: String, of job: TestJob, as caller: Caller? = nil, _ members: [String: JSON] = [:]
    ) async throws -> RawResponse {
        let wish = JSON.object(["object": .string(object), "operation": "download"].merging(members) { $1 })
        return try await send(
            "POST", job.path("links"), as: caller ?? .user(job.user),
            headers: ["Content-Type": "application/json"], body: .json(wish))
    }

    /// A link that must be given: the path and query of its URL.
    public func link(_ object: String, of job: TestJob, _ members: [String: JSON] = [:]) async throws
        -> String
    {
        let reply = try await mint(object, of: job, members)
        guard reply.status == 201, let url = reply.json["url"].string else {
            throw HarnessError("link to \(object): \(reply.summary)")
        }
        return try Self.target(of: url)
    }

    /// The request target of an absolute URL.
    public static func target(of url: String) throws -> String {
        guard let scheme = url.range(of: "://"), let slash = url[scheme.upperBound...].firstIndex(of: "/")
        else {
            throw HarnessError("not an absolute URL: \(url)")
        }
        return String(url[slash...])
    }
}
