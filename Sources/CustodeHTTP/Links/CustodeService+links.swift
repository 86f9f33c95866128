internal import CustodeCore
internal import HTTPTypes
internal import Logging

/// Links: made for those who hold a credential, used by those who hold nothing else.
extension CustodeService {
    private static let largestBatch = 1_000
    private static let largestBody = 1 << 20

    func mint(_ exchange: Exchange, _ job: String) async throws -> Reply {
        let principal = try await mintingPrincipal(exchange)
        let job = try id(exchange, job)
        let wanted = try LinkRequest.decode(
            LinkRequest.self, from: await exchange.smallBody(limit: Self.largestBody))
        let terms = try terms(wanted, principal)
        try limits.countLinks(1, of: principal)
        exchange.note("object", terms.object.text)
        let minted = try link(to: try await catalog.find(job, terms.object), terms, principal)
        exchange.note("link", minted.name)
        exchange.note("operation", terms.operation.name)
        exchange.note(.linksMinted)
        metrics.minted(1, operation: terms.operation.name)
        var json = JSONText()
        json.append(minted)
        return Reply(.created, json: json)
    }

    func mintMany(_ exchange: Exchange) async throws -> Reply {
        let principal = try await mintingPrincipal(exchange)
        let batch = try LinkRequest.decode(
            LinkRequest.Batch.self, from: await exchange.smallBody(limit: Self.largestBody)
        ).links
        guard batch.count <= Self.largestBatch else {
            throw Refusal.badRequest("At most \(Self.largestBatch) links are made at once.")
        }
        try limits.countLinks(batch.count, of: principal)
        let wanted = batch.map { item in
            Result { () throws(Refusal) in
                guard let job = item.jobID else { throw .badRequest("job_id is missing.") }
                guard let id = JobID(job) else { throw .notFound }
                return (job: id, terms: try terms(item, principal))
            }
        }
        let questions = wanted.compactMap { try? $0.get() }.map { ($0.job, $0.terms.object) }
        var answers = try await catalog.find(questions)[...]
        var record = MintRecord(exchange, logger)
        var json = JSONText()
        json.object { json in
            json.name("links")
            json.array { json in
                for item in wanted {
                    do throws(Refusal) {
                        let terms = try item.get().terms
                        let minted = try link(to: answers.popFirst() ?? nil, terms, principal)
                        record.add(minted)
                        json.append(minted)
                    } catch {
                        json.appendProblem(error, instance: exchange.id)
                    }
                }
            }
        }
        record.finish()
        for (operation, count) in record.counts { metrics.minted(count, operation: operation) }
        return Reply(.ok, json: json)
    }

    func revoke(_ exchange: Exchange, _ job: String) async throws -> Reply {
        let principal = try await mintingPrincipal(exchange)
        let job = try id(exchange, job)
        guard let found = try await catalog.find(job, .input), found.owner == principal.user else {
            throw Refusal.notFound
        }
        try await catalog.revokeLinks(of: found.job)
        exchange.note(.linksRevoked)
        return Reply(.noContent)
    }

    func download(_ exchange: Exchange, _ token: String) async throws -> Reply {
        let claims = try verify(exchange, token, for: .download)
        var request = try readRequest(exchange)
        if !request.headOnly {
            exchange.note(.linkUsed)
            try exchange.beginTransfer(.downloads)
        }
        // What is for one use is not handed on: a URL of the bucket can be used again while it lives.
        guard configuration.delivery == .redirect, !claims.once, let presigner, Self.suitsOthers(exchange) else {
            return served(try await readObject(claims, request), claims.disposition, exchange)
        }
        request.sentByOthers = true
        let reply = try await readObject(claims, request)
        return try await redirect(reply.object, claims, presigner)
    }

    func upload(_ exchange: Exchange, _ token: String) async throws -> Reply {
        let claims = try verify(exchange, token, for: .upload)
        if beginsUpload(exchange) { return try await createDraft(exchange, .link(claims), nil, nil) }
        return try await receive(exchange, try await putObject.admit(claims, try putRequest(exchange)))
    }

    func verify(
        _ exchange: Exchange, _ token: String, for operation: LinkOperation, evenIfExpired: Bool = false
    ) throws -> LinkClaims {
        let claims = try signer.verify(token, for: operation, evenIfExpired: evenIfExpired)
        // The nonce and the key's number may be told; the token never.
        exchange.note("link", Hex.encode(claims.nonce))
        exchange.note("key", LinkSigner.key(of: token).map(String.init) ?? "")
        exchange.note("job", claims.job.text)
        exchange.note("object", claims.object.text)
        return claims
    }

    private func mintingPrincipal(_ exchange: Exchange) async throws -> Principal {
        let principal = try await principal(exchange)
        guard principal.mayManage else { throw Refusal.forbidden("Links need the grant delegate.") }
        return principal
    }

    private func terms(_ wanted: LinkRequest, _ principal: Principal) throws(Refusal) -> LinkRequest.Terms {
        let terms = try wanted.terms(policy)
        guard terms.operation == .download || principal.mayWrite(terms.object) else {
            throw .forbidden("An upload link for this object needs the grant artifacts.")
        }
        return terms
    }

    private func link(
        to found: JobObject?, _ terms: LinkRequest.Terms, _ principal: Principal
    ) throws(Refusal) -> MintedLink {
        guard let found, found.owner == principal.user else { throw .notFound }
        var name = ""
        if terms.operation == .download {
            switch found.reference {
            case nil: throw .notFound
            case .published(let record): name = "/" + Self.usualName(of: ReadableObject(record))
            // What it is shows when it is fetched.
            case .foreign: name = "/\(terms.object.isInput ? "original" : terms.object.text)"
            }
        }
        let claims = LinkClaims(
            operation: terms.operation, expires: signer.expiry(ttl: terms.ttl), job: found.job, object: terms.object,
            disposition: terms.disposition, epoch: found.linkEpoch, owner: found.owner.fingerprint,
            nonce: random.bytes(LinkClaims.nonceLength), once: terms.once, maximumBytes: terms.maximumBytes)
        guard let token = signer.sign(claims) else { throw .badRequest("The job's id is too long for a link.") }
        let path = terms.operation == .download ? "/o/" : "/u/"
        return MintedLink(url: configuration.publicURL + path + token + name, claims: claims, ttl: terms.ttl)
    }
}

/// A link as its minter gets it.
private struct MintedLink {
    let url: String
    let claims: LinkClaims
    let ttl: Duration

    /// What it is called where its token must not be.
    var name: String { Hex.encode(claims.nonce) }
}

/// Tells for the record which links of a batch were made, in lines of the log that are short enough to stay whole.
private struct MintRecord {
    private static let longest = 2_048

    private let exchange: Exchange
    private let logger: Logger
    private var text = ""
    /// How many of each operation there were.
    private(set) var counts: [String: Int] = [:]

    init(_ exchange: Exchange, _ logger: Logger) {
        self.exchange = exchange
        self.logger = logger
    }

    mutating func add(_ link: MintedLink) {
        counts[link.claims.operation.name, default: 0] += 1
        guard exchange.facts != nil else { return }
        if !text.isEmpty { text += ", " }
        text += "\(link.name) \(link.claims.operation.name) "
        text += "\(PercentEncoding.segment(link.claims.job.text)) \(link.claims.object.text)"
        if text.utf8.count > Self.longest { finish() }
    }

    mutating func finish() {
        guard !text.isEmpty, var facts = exchange.facts else { return }
        facts["event"] = "\(AuditEvent.linksMinted.rawValue)"
        facts["links"] = "\(text)"
        exchange.logger(logger).notice("links", metadata: facts)
        text = ""
    }
}

extension JSONText {
    fileprivate mutating func append(_ link: MintedLink) {
        object { json in
            json.member("url", link.url)
            json.member("method", link.claims.operation == .download ? "GET" : "PUT")
            json.member("expires_at", link.claims.expiresAt.rfc3339)
            json.member("ttl_seconds", link.ttl.components.seconds)
            json.member("operation", link.claims.operation.name)
            json.member("object", link.claims.object.text)
        }
    }
}
