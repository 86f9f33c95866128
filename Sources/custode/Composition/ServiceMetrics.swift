import CustodeHTTP
import PostgresClient
import Telemetry

/// The series that this service tells.
struct ServiceMetrics: RequestMetrics {
    let registry = MetricsRegistry()

    init(pools: [PostgresPool]) {
        registry.declare(
            "custode_http_requests_total", .counter, "Requests answered, by route, method and status.",
            labels: ["route", "method", "status"])
        registry.declare(
            "custode_http_request_duration_seconds", .histogram,
            "Seconds from a request's head to the end of its reply.", labels: ["route", "method"])
        registry.declare(
            "custode_http_received_bytes_total", .counter, "Bytes of request bodies read.", labels: ["route"])
        registry.declare("custode_http_sent_bytes_total", .counter, "Bytes of reply bodies sent.", labels: ["route"])
        registry.declare("custode_database_connections", .gauge, "Connections to the database that are open.") {
            Double(pools.reduce(0) { $0 + $1.statistics.open })
        }
        registry.declare("custode_database_waits_total", .counter, "Times that a query waited for a connection.") {
            Double(pools.reduce(0) { $0 + $1.statistics.totalWaits })
        }
        declareCollection()
    }

    func record(route: String, method: String, status: Int, duration: Duration, received: Int64, sent: Int64) {
        registry.add(1, to: "custode_http_requests_total", [route, method, String(status)])
        let parts = duration.components
        registry.observe(
            Double(parts.seconds) + Double(parts.attoseconds) / 1e18, in: "custode_http_request_duration_seconds",
            [route, method])
        if received > 0 { registry.add(Double(received), to: "custode_http_received_bytes_total", [route]) }
        if sent > 0 { registry.add(Double(sent), to: "custode_http_sent_bytes_total", [route]) }
    }
}
