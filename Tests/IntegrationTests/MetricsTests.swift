import CustodeTesting
import Foundation
import Testing

@Suite("Metrics, and what is made of them")
struct MetricsTests {
    private static let folder = Checkout.root + "/scripts/monitoring/"

    private static func metrics(_ world: World) async throws -> String {
        try await world.service.admin.request("GET", "/metrics").text
    }

    /// The value of a series, named as it is told.
    private static func value(_ series: String, _ text: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix(series + " ") }
            .flatMap { Double($0.dropFirst(series.count + 1)) }
    }

    private static func promtool(_ arguments: [String], input: String? = nil) async throws -> Command.Outcome {
        let tool = try #require(Checkout.tool("promtool"))
        guard let input else { return try await Command.run(tool, arguments) }
        let folder = try TestFolder()
        defer { folder.remove() }
        try input.write(toFile: folder.path + "/input", atomically: true, encoding: .utf8)
        let line = ([tool] + arguments).joined(separator: " ") + " < \(folder.path)/input"
        return try await Command.run("/bin/sh", ["-c", line])
    }

    @Test("promtool finds no fault in what is told, before and after there was something to tell")
    func sound() async throws {
        let world = try await World.start()
        for _ in 0..<2 {
            let outcome = try await Self.promtool(["check", "metrics"], input: try await Self.metrics(world))
            #expect(outcome.status == 0 && outcome.errors.isEmpty && outcome.output.isEmpty, "\(outcome)")
            let job = try await world.jobWithInput()
            _ = try await world.send("GET", try await world.link("input", of: job), as: .stranger)
            _ = try await world.send("GET", "/o/nonsense", as: .stranger)
            _ = try await world.put("transcript", of: job, [0, 1, 2])
        }
        let broken = try await Self.promtool(["check", "metrics"], input: "custode_x{a=\"b} 1\n")
        #expect(broken.status != 0, "it would find one")
        try await world.close()
    }

    @Test("requests, refusals, links, bytes and transfers under way are counted as they happened")
    func counted() async throws {
        let world = try await World.start()
        let job = try await world.jobWithInput()
        let link = try await world.link("input", of: job)
        #expect(try await world.send("GET", link, as: .stranger).status == 200)
        #expect(try await world.send("GET", "/o/AAAA", as: .stranger).status == 403)
        #expect(try await world.put("transcript", of: job, Array("%PDF-1.7\n".utf8) + [0, 1, 2]).status == 415)
        #expect(try await world.send("GET", job.path("input"), as: .bob).status == 404)
        let batch: JSON = ["links": .array(Array(repeating: ["job_id": .string(job.id), "object": "input"], count: 7))]
        #expect(try await world.send("POST", "/v1/links", body: .json(batch)).status == 200)
        let upload = try await RawConnection.open(port: world.service.port)
        try await upload.send(
            world.service.client.head(
                "PUT", job.path("transcript"),
                headers: world.credentials(of: .alice) + ["Content-Length": "5"], body: .raw([])))
        #expect(
            try await eventually {
                Self.value("custode_uploads_open", try await Self.metrics(world)) == 1
            })
        try await upload.send("Hello")
        #expect(try await upload.read(to: "PUT").status == 201)
        #expect(
            try await eventually {
                Self.value("custode_uploads_open", try await Self.metrics(world)) == 0
            })
        let text = try await Self.metrics(world)
        let object = "route=\"/v1/jobs/{job}/{object}\""
        let expected: [(String, Double)] = [
            ("custode_http_requests_total{\(object),method=\"PUT\",status=\"201\"}", 2),
            ("custode_http_requests_total{\(object),method=\"PUT\",status=\"415\"}", 1),
            ("custode_http_request_duration_seconds_count{\(object),method=\"PUT\"}", 3),
            ("custode_refusals_total{\(object),reason=\"not-found\"}", 1),
            ("custode_sniff_refusals_total", 1),
            ("custode_links_minted_total{operation=\"download\"}", 8),
            ("custode_links_minted_total{operation=\"upload\"}", 0),
            ("custode_link_refusals_total{reason=\"bad-link\"}", 1),
            ("custode_link_refusals_total{reason=\"link-expired\"}", 0),
            ("custode_downloads_open", 0),
            ("custode_http_sent_bytes_total{route=\"/o/{token}/{name}\"}", Double(Sample.wav().count)),
        ]
        for (series, value) in expected where !series.contains("sent_bytes") {
            #expect(Self.value(series, text) == value, "\(series)\n\(text)")
        }
        let sent = try #require(Self.value(expected.last?.0 ?? "", text))
        #expect(sent >= Double(Sample.wav().count))
        #expect(Self.value("process_resident_memory_bytes", text) ?? 0 > 1e6)
        #expect(Self.value("process_open_fds", text) ?? 0 > 10)
        let started = try #require(Self.value("process_start_time_seconds", text))
        #expect(abs(started - Date().timeIntervalSince1970) < 300)
        try await world.close()
    }

    @Test("a download is under way until its last byte is taken")
    func download() async throws {
        let world = try await World.start()
        let job = try await world.jobWithInput(Sample.wav(samples: 8 << 20))
        let reader = try await RawConnection.open(port: world.service.port, receiveBuffer: 4_096)
        try await reader.send(
            world.service.client.head(
                "GET", job.path("input"), headers: world.credentials(of: .alice), body: .none))
        #expect(
            try await eventually {
                Self.value("custode_downloads_open", try await Self.metrics(world)) == 1
            })
        reader.reset()
        #expect(
            try await eventually {
                Self.value("custode_downloads_open", try await Self.metrics(world)) == 0
            })
        try await world.close()
    }

    @Test("a bucket behind a network: its requests by status, their time, and what was sent again")
    func bucket() async throws {
        let standIn = try await SupabaseStandIn.start()
        let world = try await World.startOnSupabase(standIn: standIn)
        let job = try await world.jobWithInput()
        standIn.slowDown(matching: "GET /storage/v1/object/")
        #expect(try await world.get("input", of: job).status == 200)
        let text = try await Self.metrics(world)
        #expect(Self.value("custode_bucket_retries_total", text) == 1)
        #expect(Self.value("custode_bucket_requests_total{method=\"GET\",status=\"429\"}", text) == 1)
        #expect(text.contains(/custode_bucket_requests_total\{method="GET",status="200"\} [1-9]/), "\(text)")
        #expect(text.contains(/custode_bucket_request_duration_seconds_count\{method="GET"\} [1-9]/))
        try await world.close()
    }

    @Test("promtool finds no fault in the alert rules, and each of their series is told, as are the dashboard's")
    func rules() async throws {
        let outcome = try await Self.promtool(["check", "rules", Self.folder + "alerts.yaml"])
        #expect(outcome.status == 0, "\(outcome)")
        let world = try await World.shared()
        let told = Set(
            try await Self.metrics(world).matches(of: /# TYPE ([a-z_]+)/).map { String($0.1) })
        for file in ["alerts.yaml", "dashboard.json"] {
            let text = try String(contentsOfFile: Self.folder + file, encoding: .utf8)
            let used = Set(text.matches(of: /\b(?:custode|process)_[a-z_]+\b/).map { String($0.output) })
            #expect(used.count > 10)
            for name in used {
                let family = name.hasSuffix("_bucket") ? String(name.dropLast(7)) : name
                #expect(told.contains(family), "\(file): \(name)")
            }
            if file.hasSuffix(".json") {
                let dashboard = try JSON(Array(text.utf8))
                #expect(dashboard["panels"].array.count > 15)
                // Every family of ours is on the dashboard or in a rule's reach.
                let elsewhere: Set = [
                    "custode_gc_last_run_timestamp_seconds", "custode_connections_limit",
                    "custode_database_connections", "custode_collected_bytes_total",
                ]
                for family in told.subtracting(elsewhere) where family.hasPrefix("custode_") {
                    #expect(used.contains { $0.hasPrefix(family) }, "\(family)")
                }
            }
        }
    }
}
