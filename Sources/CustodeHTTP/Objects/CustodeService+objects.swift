internal import CustodeCore
internal import HTTPTypes
internal import HummingbirdCore
internal import NIOCore

/// What is done with the objects of a job by those who hold a credential.
extension CustodeService {
    func put(_ exchange: Exchange, _ job: String, _ name: String) async throws -> Reply {
        let principal = try await principal(exchange)
        let (job, object) = try ids(exchange, job, name)
        if beginsUpload(exchange) { return try await createDraft(exchange, .principal(principal), job, object) }
        let request = try putRequest(exchange)
        let decision = try await putObject.admit(principal, job, object, request)
        return try await receive(exchange, decision, isCounted: principal.serviceKey == nil)
    }

    func get(_ exchange: Exchange, _ job: String, _ name: String) async throws -> Reply {
        let principal = try await principal(exchange)
        let (job, object) = try ids(exchange, job, name)
        let disposition = try Self.disposition(exchange.target)
        let request = try readRequest(exchange)
        if !request.headOnly {
            exchange.note(.objectRead)
            try exchange.beginTransfer(.downloads)
        }
        let found = try await readObject(principal, job, object, request)
        return served(found, disposition, exchange)
    }

    func delete(_ exchange: Exchange, _ job: String, _ name: String) async throws -> Reply {
        let principal = try await principal(exchange)
        let (job, object) = try ids(exchange, job, name)
        try await forgetObject(principal, job, object, try Self.precondition(exchange.request.headers))
        exchange.note(.objectDeleted)
        return Reply(.noContent)
    }

    func list(_ exchange: Exchange, _ job: String) async throws -> Reply {
        let principal = try await principal(exchange)
        guard principal.mayManage else { throw Refusal.forbidden("Listing needs the grant delegate.") }
        let job = try id(exchange, job)
        guard let (owner, objects) = try await catalog.objects(of: job), owner == principal.user else {
            throw Refusal.notFound
        }
        var json = JSONText()
        json.object { json in
            json.name("objects")
            json.array { json in for record in objects { json.append(record) } }
        }
        return Reply(.ok, json: json)
    }

    /// Receives an admitted body; the reply is the same whoever was admitted.
    ///
    /// - Parameter isCounted: Whether the user may have but so many under way: back ends limit their users themselves.
    func receive(
        _ exchange: Exchange, _ decision: PutObject.Decision, isCounted: Bool = false
    ) async throws -> Reply {
        let outcome: PutObject.Outcome
        switch decision {
        case .alreadyThere(let record): outcome = PutObject.Outcome(record: record, created: false)
        case .proceed(let admission):
            exchange.allowance = try await dailyBytes.begin(
                admission.owner, length: admission.length, isCounted: isCounted)
            outcome = try await putObject(admission, body: exchange.body())
            exchange.note("size", String(outcome.record.size))
            exchange.note("sha256", outcome.record.sha256.hex)
            exchange.note(.objectStored)
        }
        var reply = stored(outcome)
        // Of the draft, and all in one.
        if exchange.dialect == .draft {
            reply.fields[.uploadComplete] = "?1"
            addObject(outcome.record, to: &reply)
        }
        return reply
    }

    /// Tells of an object that was stored.
    func stored(_ outcome: PutObject.Outcome) -> Reply {
        let record = outcome.record
        var json = JSONText()
        json.append(record)
        var reply = Reply(outcome.created ? .created : .ok, json: json)
        reply.fields[.eTag] = record.etag.text
        reply.fields[.contentLocation] = Self.path(of: record)
        return reply
    }

    /// The path at which an object is served.
    static func path(of record: ObjectRecord) -> String {
        "/v1/jobs/\(PercentEncoding.segment(record.job.text))/\(record.object)"
    }

    /// What a request says of the body that comes with it.
    func putRequest(_ exchange: Exchange) throws(Refusal) -> PutObject.Request {
        let fields = exchange.request.headers
        if let coding = fields[.contentEncoding], coding.lowercased() != "identity" {
            throw .unsupportedType("Content-Encoding \(coding) is not taken; send the object as it is.")
        }
        guard fields[.contentRange] == nil else {
            throw .badRequest("A PUT is of the whole object; Content-Range has no place in it.")
        }
        var request = PutObject.Request()
        if let type = fields[.contentType] {
            guard let claim = MediaType(type) else {
                throw .unsupportedType("Content-Type \(type) cannot be read; send type/subtype, or none.")
            }
            request.claim = claim
        }
        request.filename = fields[.contentDisposition].flatMap(ContentDisposition.filename(in:))
        request.digest = try fields[.contentDigest].flatMap { field throws(Refusal) in try ContentDigest.sha256(field) }
        request.length = exchange.contentLength ?? (fields[.transferEncoding] == nil ? 0 : nil)
        // Of the draft, and all in one.
        if exchange.dialect == .draft {
            if let length = try UploadFields.count(fields, .uploadLength) {
                guard request.length == nil || request.length == length || beginsUpload(exchange) else {
                    throw .uploadLength
                }
            }
            if request.digest == nil, let field = fields[.reprDigest] {
                request.digest = try ContentDigest.sha256(field)
            }
        }
        request.precondition = try Self.precondition(fields)
        return request
    }

    /// What a request asks for of an object.
    func readRequest(_ exchange: Exchange) throws(Refusal) -> ReadObject.Request {
        let fields = exchange.request.headers
        var request = ReadObject.Request()
        request.precondition = try Self.precondition(fields)
        request.range = fields[.range]
        request.ifRange = fields[.ifRange]
        request.headOnly = exchange.method == .head
        return request
    }

    private static func precondition(_ fields: HTTPFields) throws(Refusal) -> Precondition {
        var precondition = Precondition()
        precondition.ifMatch = try tags(fields, .ifMatch)
        precondition.ifNoneMatch = try tags(fields, .ifNoneMatch)
        // A date that cannot be read is no condition (RFC 9110 §13.1.3).
        precondition.ifModifiedSince = fields[.ifModifiedSince].flatMap(Timestamp.init(httpDate:))
        precondition.ifUnmodifiedSince = fields[.ifUnmodifiedSince].flatMap(Timestamp.init(httpDate:))
        return precondition
    }

    private static func tags(_ fields: HTTPFields, _ name: HTTPField.Name) throws(Refusal) -> Precondition.Tags? {
        guard let field = fields[name] else { return nil }
        guard let tags = Precondition.Tags(field) else {
            throw .badRequest("\(name.canonicalName) must be * or a list of entity tags in double quotes.")
        }
        return tags
    }

    private static func disposition(_ target: RequestTarget) throws(Refusal) -> Disposition {
        guard let text = try target.parameter("disposition") else { return .attachment }
        guard let disposition = Disposition(name: text) else {
            throw .badRequest("disposition is inline or attachment.")
        }
        return disposition
    }
}
