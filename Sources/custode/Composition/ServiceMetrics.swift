import CustodeHTTP
import HTTPFetch
import PostgresClient
import Telemetry

/// The series that this service tells.
struct ServiceMetrics: Sendable {
    let registry = MetricsRegistry()

    init(pools: [PostgresPool], connections: ConnectionCensus) {
        declareRequests()
        registry.declare("custode_connections", .gauge, "Connections of clients that are open.") {
            Double(connections.current)
        }
        registry.declare("custode_connections_limit", .gauge, "Connections of clients that there may be.") {
            Double(connections.most)
        }
        registry.declare("custode_database_connections", .gauge, "Connections to the database that are open.") {
            Double(pools.reduce(0) { $0 + $1.statistics.open })
        }
        registry.declare("custode_database_waits_total", .counter, "Times that a query waited for a connection.") {
            Double(pools.reduce(0) { $0 + $1.statistics.totalWaits })
        }
        declareBucket()
        declareCollection()
        ProcessFacts.declare(in: registry)
    }

    private func declareRequests() {
        registry.declare(
            "custode_http_requests_total", .counter, "Requests answered, by route, method and status.",
            labels: ["route", "method", "status"])
        registry.declare(
            "custode_http_request_duration_seconds", .histogram,
            "Seconds from a request's head to the end of its reply.", labels: ["route", "method"])
        registry.declare(
            "custode_http_received_bytes_total", .counter, "Bytes of request bodies read.", labels: ["route"])
        registry.declare("custode_http_sent_bytes_total", .counter, "Bytes of reply bodies sent.", labels: ["route"])
        registry.declare(
            "custode_refusals_total", .counter, "Requests refused, by route and the last part of the problem's type.",
            labels: ["route", "reason"])
        registry.declare(
            "custode_sniff_refusals_total", .counter, "Bodies that were not what their object may hold.")
        registry.declare("custode_links_minted_total", .counter, "Links made, by operation.", labels: ["operation"])
        registry.declare(
            "custode_link_refusals_total", .counter, "Uses of links that were refused, by reason.", labels: ["reason"])
        registry.declare("custode_uploads_open", .gauge, "Uploads whose bytes are coming in.")
        registry.declare("custode_downloads_open", .gauge, "Downloads whose bytes are going out.")
        // What nothing has happened of yet is 0, not absent: rates begin with the first time.
        for operation in ["download", "upload"] { registry.add(0, to: "custode_links_minted_total", [operation]) }
        for reason in ["bad-link", "link-expired", "link-used", "not-found"] {
            registry.add(0, to: "custode_link_refusals_total", [reason])
        }
        registry.add(0, to: "custode_sniff_refusals_total")
        for direction in [TransferDirection.uploads, .downloads] {
            registry.add(0, to: "custode_\(direction.rawValue)_open")
        }
    }

    private func declareBucket() {
        registry.declare(
            "custode_bucket_requests_total", .counter,
            "Requests to a bucket behind a network, by method and status; none where none came.",
            labels: ["method", "status"])
        registry.declare(
            "custode_bucket_request_duration_seconds", .histogram,
            "Seconds from a request to the bucket to the head of its reply.", labels: ["method"])
        registry.declare("custode_bucket_retries_total", .counter, "Requests to the bucket that were sent again.")
        registry.add(0, to: "custode_bucket_retries_total")
    }
}

extension ServiceMetrics: RequestMetrics {
    func record(_ request: FinishedRequest) {
        let (route, method) = (request.route, request.method)
        registry.add(1, to: "custode_http_requests_total", [route, method, String(request.status)])
        registry.observe(request.duration / .seconds(1), in: "custode_http_request_duration_seconds", [route, method])
        if request.received > 0 {
            registry.add(Double(request.received), to: "custode_http_received_bytes_total", [route])
        }
        if request.sent > 0 { registry.add(Double(request.sent), to: "custode_http_sent_bytes_total", [route]) }
        guard let reason = request.reason else { return }
        registry.add(1, to: "custode_refusals_total", [route, reason])
        if reason == "unsupported-type", request.received > 0 { registry.add(1, to: "custode_sniff_refusals_total") }
        if route.contains("{token}") { registry.add(1, to: "custode_link_refusals_total", [reason]) }
    }

    func minted(_ count: Int, operation: String) {
        registry.add(Double(count), to: "custode_links_minted_total", [operation])
    }

    func transfers(_ direction: TransferDirection, changeBy change: Int) {
        registry.add(Double(change), to: "custode_\(direction.rawValue)_open")
    }
}

extension ServiceMetrics: FetchObserver {
    func finished(_ method: String, status: Int?, after duration: Duration) {
        registry.add(1, to: "custode_bucket_requests_total", [method, status.map(String.init) ?? "none"])
        registry.observe(duration / .seconds(1), in: "custode_bucket_request_duration_seconds", [method])
    }

    /// A request to the bucket is sent again.
    func retried() { registry.add(1, to: "custode_bucket_retries_total") }
}
