public import CustodeCore
internal import HTTPTypes
public import HummingbirdCore
public import Logging
public import NIOCore

/// The public HTTP surface: turns requests into use cases, and what these say into replies.
///
/// The only place that catches: what is no ``Refusal`` is answered 500 without a word of why, and logged.
public struct CustodeService: Sendable {
    let configuration: ServiceConfiguration
    let policy: Policy
    let catalog: any Catalog
    let authenticator: any Authenticator
    let limits: CallerLimits
    let dailyBytes: DailyBytes
    let connections: ConnectionCensus
    let transfers: TransferBound
    let signer: LinkSigner
    let putObject: PutObject
    let uploads: ResumableUploads
    let readObject: ReadObject
    let presigner: (any PresigningStore)?
    let forgetObject: ForgetObject
    let clock: any WallClock
    let random: any RandomSource
    let metrics: any RequestMetrics
    let logger: Logger

    /// A surface over the use cases.
    ///
    /// - Parameters:
    ///   - uploads: Those that come in several requests.
    ///   - dailyBytes: What is left to users of their bytes for the day; flushed by somebody.
    ///   - connections: The listener's; while they are scarce each carries one request.
    ///   - transfers: How many objects may be on their way at once.
    ///   - presigner: The store, where it can let readers fetch from it directly; needed to redirect.
    public init(
        configuration: ServiceConfiguration, policy: Policy, catalog: any Catalog, store: any BlobStore,
        uploads: ResumableUploads, dailyBytes: DailyBytes, connections: ConnectionCensus,
        transfers: TransferBound, presigner: (any PresigningStore)? = nil,
        sniffer: any TypeSniffer,
        authenticator: any Authenticator, signer: LinkSigner, clock: any WallClock,
        random: any RandomSource, metrics: any RequestMetrics, logger: Logger
    ) {
        self.configuration = configuration
        self.policy = policy
        self.catalog = catalog
        self.authenticator = authenticator
        self.dailyBytes = dailyBytes
        self.connections = connections
        self.transfers = transfers
        limits = CallerLimits(policy.rates)
        self.signer = signer
        putObject = PutObject(
            catalog: catalog, store: store, sniffer: sniffer, policy: policy, clock: clock, random: random)
        readObject = ReadObject(catalog: catalog, store: store, sniffer: sniffer, policy: policy)
        self.uploads = uploads
        self.presigner = presigner
        forgetObject = ForgetObject(catalog: catalog)
        self.clock = clock
        self.random = random
        self.metrics = metrics
        self.logger = logger
    }

    /// Answers one request on its connection.
    ///
    /// - Throws: When the client can no longer be answered; the connection ends.
    @Sendable public func respond(
        to request: Request, writer: consuming ResponseWriter, on channel: any Channel
    ) async throws {
        let exchange = Exchange(
            request: request, channel: channel, id: Hex.encode(random.bytes(8)),
            notesFacts: logger.logLevel <= .notice, metrics: metrics, transfers: transfers)
        let trace = RequestTrace(request.headers, always: logger.logLevel <= .debug)
        if let id = trace?.id { exchange.note("trace", id) }
        var reply: Reply
        do {
            if let trace {
                reply = try await trace.around { try await route(exchange) }
            } else {
                reply = try await route(exchange)
            }
        } catch {
            reply = self.reply(to: error, exchange)
        }
        defer { trace?.end(exchange.route?.template ?? "none", status: reply.status.code) }
        addCommonFields(to: &reply, exchange)
        // Whoever reads the reply goes by the method that was sent, whatever it was taken for.
        let head = request.method == .head
        defer { exchange.endTransfer() }
        do {
            let sent = try await exchange.send(reply, withoutContent: head)
            finish(exchange, reply, sent: sent)
        } catch {
            finish(exchange, reply, sent: 0, failure: "the client went away")
            throw error
        }
    }

    private func route(_ exchange: Exchange) async throws -> Reply {
        guard exchange.request.uri.string.utf8.count <= Route.maximumTargetLength else {
            throw Refusal.targetTooLong
        }
        guard let route = Route(path: exchange.target.path) else { throw Refusal.notFound }
        exchange.route = route
        if route.isOfUploads { exchange.overrideMethod() }
        if exchange.method == .options {
            if let reply = preflight(exchange, route) { return reply }
            if route.methods.contains(.options) { return uploadOptions(exchange, route) }
        }
        guard route.methods.contains(exchange.method) else {
            throw Refusal.methodNotAllowed(route.methods.map(\.rawValue))
        }
        switch (route, exchange.method) {
        case (.openAPI, _): return Self.openAPI
        case (.docs, _): return Self.docs
        case (.object(let job, let name), .put): return try await put(exchange, job, name)
        case (.object(let job, let name), .delete): return try await delete(exchange, job, name)
        case (.object(let job, let name), _): return try await get(exchange, job, name)
        case (.objects(let job), _): return try await list(exchange, job)
        case (.jobLinks(let job), .post): return try await mint(exchange, job)
        case (.jobLinks(let job), _): return try await revoke(exchange, job)
        case (.links, _): return try await mintMany(exchange)
        case (.download(let token), _): return try await download(exchange, token)
        case (.upload(let token), _): return try await upload(exchange, token)
        case (.uploads, _): return try await createTus(exchange)
        case (.resumable(let id), _):
            return try await resumable(exchange, id, try await uploadCaller(exchange, begins: false))
        case (.linkedUpload(let token, let id), _):
            return try await resumable(exchange, id, try linkedCaller(exchange, token))
        }
    }

    private func reply(to error: any Error, _ exchange: Exchange) -> Reply {
        if let refusal = Refusal(caught: error) {
            if case .unavailable = refusal { exchange.logger(logger).warning("\(Self.cause(error))") }
            if case .bytesMissing = refusal { exchange.logger(logger).error("a row's bytes are not in the bucket") }
            var reply = Reply(refusal, instance: exchange.id, dialect: exchange.dialect)
            // Whoever begins by the draft may learn from it what would be taken.
            if exchange.dialect == .draft, reply.fields[.uploadLimit] == nil, let route = exchange.route,
                !route.isOfUploads
            {
                addUploadOptions(route, to: &reply)
            }
            return reply
        }
        exchange.logger(logger).error("\(Self.cause(error))")
        return .internalError(instance: exchange.id)
    }

    private static func cause(_ error: any Error) -> String {
        switch error {
        case CatalogError.unavailable(let text), CatalogError.failed(let text): text
        case BlobStoreError.unavailable(let text), BlobStoreError.unsettled(let text): text
        case CredentialFault.undecided(let text): text
        default: "\(type(of: error)): \(error)"
        }
    }

    private func addCommonFields(to reply: inout Reply, _ exchange: Exchange) {
        reply.fields[.requestID] = exchange.id
        if reply.fields[.xContentTypeOptions] == nil { reply.fields[.xContentTypeOptions] = "nosniff" }
        if exchange.route?.isOfUploads == true, exchange.dialect != .draft {
            reply.fields[.tusResumable] = TusVersion.supported
        }
        if exchange.dialect == .draft, let version = exchange.request.headers[.uploadInteropVersion] {
            reply.fields[.uploadInteropVersion] = version == "8" ? version : nil
        }
        addCrossOriginFields(to: &reply, exchange)
        // Whoever holds a connection by asking now and then makes room as those do who hold it silently.
        if connections.isCrowded { reply.closes = true }
        // Nobody reads the rest of a body that is not wanted: the connection cannot go on behind it.
        if exchange.hasUnreadBody { reply.closes = true }
    }

    private func finish(_ exchange: Exchange, _ reply: Reply, sent: Int64, failure: String? = nil) {
        let duration = exchange.start.duration(to: .now)
        // A method that was only named may be any word, and there shall not be a metric of each.
        let isKnown = exchange.route?.methods.contains(exchange.method) ?? false
        metrics.record(
            FinishedRequest(
                route: exchange.route?.template ?? "none",
                method: (isKnown ? exchange.method : exchange.request.method).rawValue, status: reply.status.code,
                reason: reply.reason, duration: duration, received: exchange.received, sent: sent))
        // Who has the object already was given nothing.
        let event = reply.status.code < 400 && reply.status != .notModified ? exchange.event : nil
        let level = event == nil ? Logger.Level.info : .notice
        guard let facts = exchange.facts, logger.logLevel <= level else { return }
        var metadata: Logger.Metadata = [
            "method": "\(exchange.method.rawValue)", "route": "\(exchange.route?.template ?? "none")",
            "status": "\(reply.status.code)", "received": "\(exchange.received)", "sent": "\(sent)",
            "ms": "\(duration.components.seconds * 1_000 + duration.components.attoseconds / 1_000_000_000_000_000)",
        ]
        metadata.merge(facts) { _, new in new }
        if let reason = reply.reason { metadata["reason"] = "\(reason)" }
        if let failure { metadata["failure"] = "\(failure)" }
        if let event { metadata["event"] = "\(event.rawValue)" }
        exchange.logger(logger).log(level: level, "request", metadata: metadata)
    }
}
