import CustodeTesting
import Foundation
import Testing

@Suite("Collection in a Supabase bucket", .timeLimit(.minutes(3)))
struct ProjectCollectionTests {
    @Test("the objects of a deleted job go into quarantine, come back byte for byte, and are purged in the end")
    func deleted() async throws {
        let world = try await World.startOnSupabase(settings: World.swift)
        let (kept, keptKey) = try await world.jobWith("input")
        let (job, key) = try await world.jobWith("input", Sample.wav(samples: 4_000_000))
        let bytes = try #require(try world.supabaseBytes(key))
        try await world.sweep("--now", "+1m")
        try await world.deleteJob(job)
        let isTrashed = try await eventually(within: .seconds(30)) {
            try await world.gc("--outbox-only", "--now", "+1h").status == 0 && world.place(of: key) == .trash
        }
        #expect(isTrashed)
        let restored = try await world.collect(["restore", "--key", key])
        #expect(restored.status == 0, "\(restored)")
        #expect(try world.place(of: key) == .place)
        let isSame = try world.supabaseBytes(key) == bytes
        #expect(isSame)
        // Nothing refers to it still: it goes again, and for good after the TTL.
        _ = try await world.gc("--now", "+40h")
        try await world.sweep("--now", "+80h")
        #expect(try world.place(of: key) == .trash)
        try await world.sweep("--now", "+30d")
        #expect(try world.place(of: key) == .nowhere)
        #expect(try world.place(of: keptKey) == .place)
        #expect(try await world.get("input", of: kept).status == 200)
        #expect(try await world.audit().map(\.action).filter { $0 == "purge" }.count == 1)
        try await world.close()
    }

    @Test("an orphan goes when two runs far enough apart saw it; what is not of our naming is never touched")
    func orphan() async throws {
        var configuration = SupabaseStandIn.Configuration()
        configuration.largestPage = 2
        let world = try await World.startOnSupabase(
            settings: World.collecting, standIn: try await SupabaseStandIn.start(configuration))
        let (_, kept) = try await world.jobWith("input")
        let orphan = try await world.abandoned(Sample.text(7))
        let foreign = ["legacy/2019/call.wav", "README", "a b+c&d.txt", "zz//double"]
        for key in foreign { try world.standIn.put(key, Sample.text(), in: World.supabaseBucket) }
        for (time, due) in [("+72h", 0), ("+93h", 1)] {
            let outcome = try await world.sweep("--now", time)
            #expect(outcome["orphan"] == 1 && outcome["foreign"] == foreign.count && outcome["live"] == 1, "\(outcome)")
            #expect(outcome["quarantined"] == due, "\(time): \(outcome)")
        }
        #expect(try world.place(of: orphan) == .trash)
        #expect(try world.supabaseKeys().filter { foreign.contains($0) }.count == foreign.count)
        #expect(try world.place(of: kept) == .place)
        let scrubbed = try await world.collect(["scrub"])
        #expect(scrubbed.status == 0, "\(scrubbed)")
        try world.standIn.put(kept, Sample.text(9), in: World.supabaseBucket)
        #expect(try await world.collect(["scrub"]).status == 1)
        try await world.close()
    }

    @Test(
        "over its quota the project holds collection at a brake; nothing is counted as failed, and it goes on by itself"
    )
    func quota() async throws {
        let world = try await World.startOnSupabase(
            settings: World.swift.merging(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms"]) { $1 })
        let (job, key) = try await world.jobWith("input")
        let (_, other) = try await world.jobWith("input")
        try await world.sweep("--now", "+1m")
        try world.standIn.quotaExceeded = .html
        try await world.deleteJob(job)
        expectBlocked(try await world.gc("--now", "+2m"), by: "quota")
        let isTold = try await eventually {
            let text = try await world.service.admin.request("GET", "/metrics").text
            return text.contains("custode_collection_braked{brake=\"quota\"} 1\n")
        }
        #expect(isTold)
        try await expectTold("over its quota", world.service)
        let attempts = try await world.database.value("select coalesce(max(attempts), 0) from custode.outbox")
        #expect(attempts == "0", "no attempt is burnt")
        let fresh = try await world.newJob()
        #expect(try await world.put("input", of: fresh, Sample.wav()).status == 507)
        try world.standIn.quotaExceeded = nil
        let isTrashed = try await eventually(within: .seconds(20)) { try world.place(of: key) == .trash }
        #expect(isTrashed)
        #expect(try world.place(of: other) == .place)
        try await world.close()
    }

    @Test("a service that says it removes, and does not, is found out: nothing is told as purged")
    func losing() async throws {
        let world = try await World.startOnSupabase(settings: World.swift)
        _ = try await world.jobWith("input")
        let orphan = try await world.abandoned()
        try await world.sweep("--now", "+1m")
        try await world.sweep("--now", "+2m")
        #expect(try world.place(of: orphan) == .trash)
        try world.standIn.losesDeletes = true
        let outcome = try await world.gc("--now", "+30d")
        #expect(outcome["purged"] == 0 && outcome["failed"] > 0, "\(outcome)")
        #expect(try world.place(of: orphan) == .trash)
        try world.standIn.losesDeletes = false
        #expect(try await world.sweep("--now", "+30d")["purged"] == 1)
        try await world.close()
    }

    @Test("row-level security that hides rows holds gc until policies/database/supabase.sql is applied")
    func rowSecurity() async throws {
        let world = try await World.startOnSupabase(settings: World.collecting)
        let (_, kept) = try await world.jobWith("input")
        let orphan = try await world.abandoned()
        try await world.service.terminate()
        let uri = try await world.narrowURI()
        let narrow = ["CUSTODE_DATABASE_URL": uri]
        try await world.database.sql("alter table jobs enable row level security")
        expectBlocked(try await world.gc("--now", "+72h", settings: narrow), by: "row_security")
        let role = try #require(URLComponents(string: uri)?.user)
        for _ in 0..<2 {
            try await Command.succeed(
                Checkout.tool("psql") ?? "psql",
                [
                    "-X", "-q", "-o", "/dev/null", "-v", "role=\(role)", "-f",
                    Checkout.root + "/policies/database/supabase.sql", world.database.uri,
                ])
        }
        try await world.sweep("--now", "+72h", settings: narrow)
        #expect(try await world.sweep("--now", "+93h", settings: narrow)["quarantined"] == 1)
        #expect(try world.place(of: orphan) == .trash && world.place(of: kept) == .place)
    }
}
