internal import FoundationEssentials
public import HTTPFetch
internal import NIOCore

/// A client of Custode's HTTP API for a service with a key, which acts for its users.
///
/// Each call names the user it is made for; what that user may not see does not exist for the call. Nothing is tried
/// again: whoever calls knows what bears repeating. See `GET /openapi.json` of the service for what each call answers.
public struct CustodeClient: Sendable {
    private static let longestReply = 4 * 1_024 * 1_024

    private let url: String
    private let serviceKey: String
    private let fetcher: Fetcher
    private let patience: Duration

    /// A client of the service at a URL.
    ///
    /// - Parameters:
    ///   - url: Where the public listener is, such as `http://127.0.0.1:8080`.
    ///   - serviceKey: A key with the grant `delegate`; with `artifacts` too if outputs are written through it.
    ///   - patience: For how long the service may be silent.
    public init(url: String, serviceKey: String, fetcher: Fetcher, patience: Duration = .seconds(10)) {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        self.url = url
        self.serviceKey = serviceKey
        self.fetcher = fetcher
        self.patience = patience
    }

    /// Mints one link: `POST /v1/jobs/{job}/links`.
    public func mint(_ order: LinkOrder, of job: String, for user: String) async throws(CustodeError) -> CustodeLink {
        try await call("POST", jobPath(job) + "/links", for: user, sending: order)
    }

    /// Mints up to 1,000 links, in the order of the orders: `POST /v1/links`.
    public func mint(
        _ orders: [(job: String, order: LinkOrder)], for user: String
    ) async throws(CustodeError) -> [Result<CustodeLink, CustodeProblem>] {
        let body = Batch(links: orders.map { Batch.Order(job: $0.job, order: $0.order) })
        let reply: Minted = try await call("POST", "/v1/links", for: user, sending: body)
        guard reply.links.count == orders.count else { throw .unreadable("links that are not as many as were wanted") }
        return reply.links.map(\.result)
    }

    /// Revokes every link of a job minted so far: `DELETE /v1/jobs/{job}/links`.
    public func revokeLinks(of job: String, for user: String) async throws(CustodeError) {
        _ = try await answer("DELETE", jobPath(job) + "/links", for: user)
    }

    /// What a job holds: `GET /v1/jobs/{job}/objects`.
    public func objects(of job: String, for user: String) async throws(CustodeError) -> [CustodeObject] {
        let reply: Held = try await call("GET", jobPath(job) + "/objects", for: user, sending: Nothing?.none)
        return reply.objects
    }

    /// Stores an object: `PUT /v1/jobs/{job}/{object}`.
    ///
    /// - Parameter contentType: What it is said to be; `nil` leaves it to the service's finding.
    public func put(
        _ body: FetchRequestBody, as object: String, of job: String, for user: String, contentType: String? = nil
    ) async throws(CustodeError) -> CustodeObject {
        var request = request("PUT", jobPath(job) + "/" + Self.segment(object), for: user)
        if let contentType { request.headers.append(("Content-Type", contentType)) }
        request.body = body
        return try Self.decode(try await answer(request))
    }

    /// Opens an object to read, whole: `GET /v1/jobs/{job}/{object}`.
    public func open(
        _ object: String, of job: String, for user: String
    ) async throws(CustodeError) -> FetchResponse {
        let response = try await send(request("GET", jobPath(job) + "/" + Self.segment(object), for: user))
        guard response.status == 200 else { throw .refused(try await Self.problem(response)) }
        return response
    }

    /// Forgets an object, whose bytes are collected later: `DELETE /v1/jobs/{job}/{object}`.
    public func delete(_ object: String, of job: String, for user: String) async throws(CustodeError) {
        _ = try await answer("DELETE", jobPath(job) + "/" + Self.segment(object), for: user)
    }

    private func call<Sent: Encodable, Value: Decodable>(
        _ method: String, _ path: String, for user: String, sending body: Sent?
    ) async throws(CustodeError) -> Value {
        var request = request(method, path, for: user)
        if let body {
            guard let json = try? JSONEncoder().encode(body) else { throw .unreadable("what cannot be sent as JSON") }
            request.body = .bytes(ByteBuffer(bytes: json))
            request.headers.append(("Content-Type", "application/json"))
        }
        return try Self.decode(try await answer(request))
    }

    private func answer(_ method: String, _ path: String, for user: String) async throws(CustodeError) -> ByteBuffer {
        try await answer(request(method, path, for: user))
    }

    /// The body of a reply that is a success.
    private func answer(_ request: FetchRequest) async throws(CustodeError) -> ByteBuffer {
        let response = try await send(request)
        guard (200..<300).contains(response.status) else { throw .refused(try await Self.problem(response)) }
        do {
            return try await response.body.collect(upTo: Self.longestReply)
        } catch {
            throw .away(error.message)
        }
    }

    private func send(_ request: FetchRequest) async throws(CustodeError) -> FetchResponse {
        do {
            return try await fetcher.fetch(request)
        } catch {
            throw .away(error.message)
        }
    }

    private func request(_ method: String, _ path: String, for user: String) -> FetchRequest {
        var request = FetchRequest(method, url + path)
        request.headers = [
            ("Authorization", "Bearer \(serviceKey)"), ("Custode-User", user), ("Accept", "application/json"),
        ]
        request.stall = patience
        return request
    }

    private func jobPath(_ job: String) -> String { "/v1/jobs/" + Self.segment(job) }

    /// One segment of a path: all that is not unreserved (RFC 3986 §2.3) is escaped.
    private static func segment(_ text: String) -> String {
        // Would be taken for steps in the path.
        if text == "." || text == ".." { return text.replacing(".", with: "%2E") }
        var escaped = ""
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E:
                escaped.unicodeScalars.append(Unicode.Scalar(byte))
            default: escaped += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return escaped
    }

    private static func decode<Value: Decodable>(_ body: ByteBuffer) throws(CustodeError) -> Value {
        guard let value = try? JSONDecoder().decode(Value.self, from: Data(body.readableBytesView)) else {
            throw .unreadable("a reply that is not what the API promises")
        }
        return value
    }

    private static func problem(_ response: FetchResponse) async throws(CustodeError) -> CustodeProblem {
        let wait = response.head["retry-after"].flatMap { Int($0) }
        let body: ByteBuffer
        do {
            body = try await response.body.collect(upTo: 64 * 1_024)
        } catch {
            throw .away(error.message)
        }
        let told = try? JSONDecoder().decode(CustodeProblem.self, from: Data(body.readableBytesView))
        var problem = told ?? CustodeProblem(status: response.status)
        problem.status = response.status
        problem.retryAfter = wait.map { .seconds($0) }
        return problem
    }
}

private struct Nothing: Encodable {}

private struct Held: Decodable { let objects: [CustodeObject] }

private struct Batch: Encodable {
    struct Order: Encodable {
        let job: String
        let order: LinkOrder

        private enum CodingKeys: String, CodingKey { case job = "job_id" }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(job, forKey: .job)
            try order.encode(to: encoder)
        }
    }

    let links: [Order]
}

private struct Minted: Decodable {
    struct Entry: Decodable {
        let result: Result<CustodeLink, CustodeProblem>

        private enum CodingKeys: String, CodingKey { case problem }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            result =
                if let problem = try container.decodeIfPresent(CustodeProblem.self, forKey: .problem) {
                    .failure(problem)
                } else {
                    .success(try CustodeLink(from: decoder))
                }
        }
    }

    let links: [Entry]
}
