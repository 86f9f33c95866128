public import CustodeCore
internal import HTTPTypes
public import HummingbirdCore
public import Logging
public import NIOCore

/// The listener that only operators and probes reach: health, readiness, metrics.
public struct AdminService: Sendable {
    private let catalog: any Catalog
    private let store: any BlobStore
    private let metrics: @Sendable () -> String
    private let logger: Logger

    /// A surface over what is to be probed.
    ///
    /// - Parameter metrics: All series in Prometheus' text format.
    public init(
        catalog: any Catalog, store: any BlobStore, logger: Logger, metrics: @escaping @Sendable () -> String
    ) {
        self.catalog = catalog
        self.store = store
        self.metrics = metrics
        self.logger = logger
    }

    /// Answers one request on its connection.
    @Sendable public func respond(
        to request: Request, writer: consuming ResponseWriter, on channel: any Channel
    ) async throws {
        let exchange = Exchange(request: request, channel: channel, id: "admin")
        var reply: Reply
        switch (exchange.target.path, exchange.method) {
        case (_, let method) where method != .get && method != .head:
            reply = Reply(.methodNotAllowed)
            reply.fields[.allow] = "GET, HEAD"
        case ("/healthz", _): reply = Self.text(.ok, "alive\n")
        case ("/readyz", _): reply = await readiness()
        case ("/metrics", _):
            reply = Self.text(.ok, metrics())
            reply.fields[.contentType] = "text/plain; version=0.0.4; charset=utf-8"
        default: reply = Self.text(.notFound, "there are /healthz, /readyz and /metrics\n")
        }
        if exchange.hasUnreadBody { reply.closes = true }
        _ = try await exchange.send(reply, withoutContent: exchange.method == .head)
    }

    private func readiness() async -> Reply {
        var faults: [String] = []
        do {
            try await catalog.probe()
        } catch {
            logger.warning("not ready: \(error)")
            faults.append("database")
        }
        do {
            try await store.probe()
        } catch {
            logger.warning("not ready: \(error)")
            faults.append("bucket")
        }
        guard faults.isEmpty else {
            var reply = Self.text(.serviceUnavailable, "not ready: \(faults.joined(separator: ", ")) does not answer\n")
            reply.fields[.retryAfter] = "5"
            return reply
        }
        return Self.text(.ok, "ready\n")
    }

    private static func text(_ status: HTTPResponse.Status, _ text: String) -> Reply {
        var reply = Reply(status)
        reply.content = .bytes(Array(text.utf8))
        reply.length = Int64(text.utf8.count)
        reply.fields[.contentType] = "text/plain; charset=utf-8"
        reply.fields[.cacheControl] = "no-store"
        return reply
    }
}
