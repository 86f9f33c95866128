import CustodeTesting
import Foundation
import Testing

@Suite("Traces: traceparent in and out, and spans in between", .serialized)
struct TraceTests {
    private static let trace = "0af7651916cd43dd8448eb211c80319c"
    private static let parent = "00-\(trace)-b7ad6b7169203331-01"

    private static func lines(_ world: World, _ message: String, of trace: String? = nil) -> [JSON] {
        world.service.log.split(separator: "\n").compactMap { try? JSON(Array($0.utf8)) }.filter {
            $0["message"].string == message && (trace == nil || $0["trace"].string == trace)
        }
    }

    @Test("a request's trace goes on to the bucket, in the same trace and under spans of ours; the line names it")
    func through() async throws {
        let standIn = try await SupabaseStandIn.start()
        let world = try await World.startOnSupabase(
            settings: ["CUSTODE_LOG_FORMAT": "json", "CUSTODE_LOG_LEVEL": "info"], standIn: standIn)
        let job = try await world.jobWithInput()
        #expect(standIn.traceParents.isEmpty, "who names no trace gets none")
        #expect(try await world.get("input", of: job, headers: ["traceparent": Self.parent]).status == 200)
        let sent = standIn.traceParents
        #expect(!sent.isEmpty)
        for text in sent {
            #expect(text.hasPrefix("00-\(Self.trace)-") && text.hasSuffix("-01"), "\(text)")
            #expect(text != Self.parent)
        }
        #expect(try await eventually { Self.lines(world, "request", of: Self.trace).count == 1 })
        #expect(Self.lines(world, "span").isEmpty, "spans are for the level debug")
        try await world.close()
    }

    @Test("spans: the request under its caller's, database and bucket under the request's")
    func spans() async throws {
        let standIn = try await SupabaseStandIn.start()
        let world = try await World.startOnSupabase(settings: ["CUSTODE_LOG_FORMAT": "json"], standIn: standIn)
        let job = try await world.jobWithInput()
        let reply = try await world.put(
            "transcript", of: job, Sample.text(), headers: ["traceparent": Self.parent])
        #expect(reply.status == 201)
        #expect(
            try await eventually {
                Self.lines(world, "span", of: Self.trace).contains { $0["parent"].string == "b7ad6b7169203331" }
            })
        let spans = Self.lines(world, "span", of: Self.trace)
        let request = try #require(spans.first { $0["parent"].string == "b7ad6b7169203331" })
        #expect(request["name"].string == "/v1/jobs/{job}/{object}" && request["status"].string == "201")
        let inner = spans.filter { $0["parent"] == request["span"] }
        #expect(inner.count == spans.count - 1)
        let names = Set(inner.compactMap { $0["name"].string })
        #expect(names.contains("postgres look-up") && names.contains { $0.hasPrefix("bucket ") }, "\(names)")
        #expect(spans.allSatisfy { Double($0["ms"].string ?? "") != nil })
        // What another request did is of another trace.
        #expect(try await world.get("input", of: job).status == 200)
        let others = Self.lines(world, "request").compactMap { $0["trace"].string }
        #expect(Set(others).count == others.count)
        try await world.close()
    }

    @Test("a traceparent that is none, or is given twice, is as if it were not there")
    func nonsense() async throws {
        let world = try await World.start(settings: ["CUSTODE_LOG_FORMAT": "json"])
        let job = try await world.jobWithInput()
        let other = "00-11111111111111111111111111111111-b7ad6b7169203331-01"
        let bad: [HeaderList] = [
            ["traceparent": "nonsense"], ["traceparent": "00-\(Self.trace)-0000000000000000-01"],
            ["traceparent": Self.parent] + ["traceparent": other],
        ]
        for headers in bad { #expect(try await world.get("input", of: job, headers: headers).status == 200) }
        #expect(try await eventually { Self.lines(world, "request").count >= 4 })
        for line in Self.lines(world, "request") {
            let trace = try #require(line["trace"].string)
            #expect(trace != Self.trace && !trace.hasPrefix("1111"))
        }
        try await world.close()
    }

    @Test("a directory's disk is a span as well")
    func disk() async throws {
        let world = try await World.start(settings: ["CUSTODE_LOG_FORMAT": "json"])
        let job = try await world.newJob()
        let reply = try await world.put("transcript", of: job, Sample.text(), headers: ["traceparent": Self.parent])
        #expect(reply.status == 201)
        #expect(
            try await eventually {
                Self.lines(world, "span", of: Self.trace).contains { $0["name"].string == "bucket disk" }
            })
        try await world.close()
    }
}
