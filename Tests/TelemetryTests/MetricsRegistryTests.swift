import Synchronization
import Telemetry
import Testing

@Suite("metrics in Prometheus' text format")
struct MetricsRegistryTests {
    @Test("a counter and its labels")
    func counter() {
        let registry = MetricsRegistry()
        registry.declare("requests_total", .counter, "Requests.", labels: ["route", "status"])
        registry.add(1, to: "requests_total", ["/o/{token}/{name}", "200"])
        registry.add(2, to: "requests_total", ["/o/{token}/{name}", "200"])
        registry.add(1, to: "requests_total", ["/o/{token}/{name}", "404"])
        #expect(
            registry.text == """
                # HELP requests_total Requests.
                # TYPE requests_total counter
                requests_total{route="/o/{token}/{name}",status="200"} 3
                requests_total{route="/o/{token}/{name}",status="404"} 1

                """)
    }

    @Test("a gauge goes down as well, and one that is asked for is asked each time")
    func gauges() {
        let registry = MetricsRegistry()
        registry.declare("open", .gauge, "Open.")
        registry.add(3, to: "open")
        registry.add(-4, to: "open")
        let asked = Mutex(0)
        registry.declare("pool", .gauge, "Pool.") {
            asked.withLock { asked in
                asked += 1
                return Double(asked) / 2
            }
        }
        #expect(registry.text.contains("\nopen -1\n"))
        #expect(registry.text.contains("\npool 1\n"))
        #expect(registry.text.contains("\npool 1.5\n"))
    }

    @Test("a histogram counts what is below each bound, all below the next as well, and the rest in +Inf")
    func histogram() {
        let registry = MetricsRegistry()
        registry.declare("seconds", .histogram, "How long.", labels: ["route"])
        for seconds in [0.001, 0.0011, 0.3, 10, 99] { registry.observe(seconds, in: "seconds", ["a"]) }
        let lines = registry.text.split(separator: "\n").map(String.init)
        #expect(lines.prefix(2) == ["# HELP seconds How long.", "# TYPE seconds histogram"])
        let buckets = lines.filter { $0.hasPrefix("seconds_bucket") }
        #expect(buckets.count == MetricsRegistry.durationBounds.count + 1)
        #expect(buckets.first == "seconds_bucket{route=\"a\",le=\"0.001\"} 1")
        #expect(buckets[1] == "seconds_bucket{route=\"a\",le=\"0.0025\"} 2")
        #expect(buckets.contains("seconds_bucket{route=\"a\",le=\"0.25\"} 2"))
        #expect(buckets.contains("seconds_bucket{route=\"a\",le=\"0.5\"} 3"))
        #expect(buckets.contains("seconds_bucket{route=\"a\",le=\"5\"} 3"))
        #expect(buckets.contains("seconds_bucket{route=\"a\",le=\"10\"} 4"))
        #expect(buckets.last == "seconds_bucket{route=\"a\",le=\"+Inf\"} 5")
        #expect(lines.contains("seconds_count{route=\"a\"} 5"))
        #expect(lines.contains { $0.hasPrefix("seconds_sum{route=\"a\"} 109.30") })
    }

    @Test("a label cannot end its quotes or its line")
    func labels() {
        let registry = MetricsRegistry()
        registry.declare("x", .counter, "X.", labels: ["value"])
        for value in [
            "a\"} 9\nforged 1", "back\\slash", "line\r\nend", "\n", "e\u{301}\"", "\"\u{301}", "\\\u{301}", "\n\u{301}",
        ] {
            registry.add(1, to: "x", [value])
        }
        for line in registry.text.split(separator: "\n", omittingEmptySubsequences: true) where !line.hasPrefix("#") {
            let bytes = Array(line.utf8)
            #expect(bytes.starts(with: "x{value=\"".utf8), "\(line)")
            #expect(bytes.suffix(4).elementsEqual("\"} 1".utf8), "\(line)")
            #expect(Self.quotesAreEscaped(bytes.dropFirst(9).dropLast(4)), "\(line)")
        }
        #expect(registry.text.utf8.count { $0 == 0x0A } == 2 + 8)
    }

    /// Whether every quote and backslash in a label's value is escaped, byte by byte as a scraper reads it.
    private static func quotesAreEscaped(_ value: some Sequence<UInt8>) -> Bool {
        var isEscaped = false
        for byte in value {
            if isEscaped {
                guard [UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "n")].contains(byte) else { return false }
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") || byte == 0x0A {
                return false
            }
        }
        return !isEscaped
    }

    @Test("a declared family is told even before it has a value, in the order of names")
    func declared() {
        let registry = MetricsRegistry()
        registry.declare("b", .counter, "B.")
        registry.declare("a", .gauge, "A.")
        #expect(registry.text == "# HELP a A.\n# TYPE a gauge\n# HELP b B.\n# TYPE b counter\n")
    }

    @Test("what was not declared is not told, and does not end the process")
    func undeclared() {
        let registry = MetricsRegistry()
        registry.add(1, to: "nowhere")
        registry.observe(1, in: "nowhere")
        #expect(registry.text == "")
    }

    @Test("a value that is no number, or beyond all, is written as Prometheus spells it")
    func oddNumbers() {
        let registry = MetricsRegistry()
        registry.declare("inf", .gauge, "I.") { .infinity }
        registry.declare("minus", .gauge, "M.") { -.infinity }
        registry.declare("nan", .gauge, "N.") { .nan }
        registry.declare("big", .gauge, "B.") { 1e18 }
        registry.declare("small", .gauge, "S.") { 0.1 }
        let lines = registry.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(lines.contains("inf +Inf") || lines.contains("inf inf"))
        #expect(lines.contains("minus -Inf") || lines.contains("minus -inf"))
        #expect(lines.contains { $0.lowercased() == "nan nan" })
        #expect(lines.contains("big 1e+18") && lines.contains("small 0.1"))
    }

    @Test("nothing is lost when many add at once")
    func concurrent() async {
        let registry = MetricsRegistry()
        registry.declare("n", .counter, "N.")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<100 { group.addTask { for _ in 0..<100 { registry.add(1, to: "n") } } }
        }
        #expect(registry.text.contains("\nn 10000\n"))
    }
}
