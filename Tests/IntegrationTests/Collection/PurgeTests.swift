import CustodeTesting
import Foundation
import Testing

@Suite("Quarantine in time: what is restored begins anew, what is not is purged after its TTL", .serialized)
struct PurgeTests {
    /// A world whose first run is over, with something alive.
    private func world(_ settings: [String: String] = [:]) async throws -> World {
        let world = try await World.start(settings: World.collecting.merging(settings) { $1 })
        _ = try await world.jobWith("input")
        try await world.sweep()
        return world
    }

    @Test("what is restored is of no age: the next two runs leave it, later ones collect it by the usual rule")
    func restoredAge() async throws {
        let world = try await world()
        let orphan = try await world.makeOrphan()
        try await world.sweep()
        let run = try await world.sweep("--now", "+21h")
        world.expect(.trash, of: orphan)
        #expect(try await world.restore("--run", run.runID).status == 0)
        for time in ["+22h", "+43h", "+47h"] {
            let outcome = try await world.sweep("--now", time)
            #expect(outcome["young"] == 1 && outcome["orphan"] == 0, "\(time): \(outcome)")
            world.expect(.place, of: orphan)
        }
        #expect(try await world.sweep("--now", "+49h")["due"] == 0)
        world.expect(.place, of: orphan)
        #expect(try await world.sweep("--now", "+69h")["quarantined"] == 1)
        world.expect(.trash, of: orphan)
        try await world.close()
    }

    @Test("what is restored has not been seen, whatever its age: two runs, far enough apart, must see it again")
    func restoredSightings() async throws {
        let world = try await world()
        let orphan = try await world.makeOrphan()
        try await world.sweep()
        let run = try await world.sweep("--now", "+20h")
        #expect(try await world.restore("--run", run.runID).status == 0)
        let calendar = Calendar()
        for (time, quarantined) in [(Duration.hours(30), 0), (.hours(50) - .seconds(1), 0), (.hours(50), 1)] {
            let outcome = try await world.sweep("--grace", "1s", "--now", calendar.after(time))
            #expect(outcome["quarantined"] == quarantined, "\(time): \(outcome)")
        }
        world.expect(.trash, of: orphan)
        try await world.close()
    }

    @Test("quarantine is purged when the TTL is over and not a minute before", arguments: [nil, "3d"] as [String?])
    func ttl(setting: String?) async throws {
        let world = try await world(setting.map { ["CUSTODE_POLICY_COLLECTION_TRASH_TTL": $0] } ?? [:])
        let ttl = Duration.days(setting == nil ? 14 : 3)
        let (job, key) = try await world.jobWith("transcript")
        let calendar = Calendar()
        try await world.deleteJob(job)
        let moment = Duration.hours(5)
        let run = try await world.gc("--outbox-only", "--now", calendar.after(moment))
        #expect(run["quarantined"] == 1, "\(run)")
        for time in [moment + .hours(20), moment + ttl - .seconds(60)] {
            let outcome = try await world.sweep("--now", calendar.after(time))
            #expect(outcome["purged"] == 0, "\(outcome)")
            world.expect(.trash, of: key)
        }
        let outcome = try await world.sweep("--now", calendar.after(moment + ttl))
        #expect(outcome["purged"] == 1, "\(outcome)")
        world.expect(.nowhere, of: key)
        #expect(try await world.audit().map(\.action) == ["quarantine", "purge"])
        let items = try await world.database.value("select count(*) from custode.gc_items where state <> 'seen'")
        #expect(items == "0")
        #expect(try await world.restore("--key", key).status == 1)
        try await world.close()
    }

    @Test("what is referred to again is not purged, and can still be restored")
    func referredAgain() async throws {
        let world = try await world()
        let (key, _) = try await world.collected()
        let (other, _) = try await world.collected()
        let job = try await world.refer(to: key)
        let outcome = try await world.sweep("--now", "+15d")
        #expect(outcome["purged"] == 1 && outcome["missing"] == 1, "\(outcome)")
        world.expect(.trash, of: key)
        world.expect(.nowhere, of: other)
        #expect(try await world.restore("--key", key).status == 0)
        #expect(try await world.get("input", of: job).body == Sample.text())
        #expect(try await world.sweep("--now", "+40d")["missing"] == 0)
        world.expect(.place, of: key)
        try await world.close()
    }

    @Test("what the database forgot is restored by run and by key all the same", arguments: [true, false])
    func forgotten(byRun: Bool) async throws {
        let world = try await world()
        let (key, run) = try await world.collected(Sample.text(5))
        try await world.database.sql("delete from custode.gc_items; delete from custode.gc_runs where kind = 'outbox'")
        let outcome =
            if byRun { try await world.restore("--run", run) } else { try await world.restore("--key", key) }
        #expect(outcome.status == 0 && outcome["restored"] == 1, "\(outcome)")
        world.expect(.place, of: key)
        #expect(world.stored(key) == Sample.text(5))
        try await world.close()
    }

    @Test("what the database forgot is purged when the TTL is over since the end of the day in its path")
    func forgottenTTL() async throws {
        let world = try await world()
        let (key, _) = try await world.collected()
        try await world.database.sql("delete from custode.gc_items")
        let place = try #require(world.trash()[key]?.first)
        let day = try Date(String(place.split(separator: "/")[1]) + "T00:00:00Z", strategy: .iso8601)
        let last = day.addingTimeInterval(15 * 86_400 - 1).formatted(.iso8601)
        #expect(try await world.sweep("--now", last)["purged"] == 0)
        world.expect(.trash, of: key)
        let next = day.addingTimeInterval(15 * 86_400).formatted(.iso8601)
        #expect(try await world.sweep("--now", next)["purged"] == 1)
        world.expect(.nowhere, of: key)
        try await world.close()
    }

    @Test("what somebody else put into quarantine's folder is not purged, however old")
    func strangers() async throws {
        let world = try await world()
        let key = World.key(user: "u", job: "j", "output/transcript.txt")
        let run = "20200101T000000Z-abcdef"
        let strangers = [
            "README", "2020-01-01/note.txt", "2020-01-01/\(run)/legacy/file.wav", "2020-1-1/\(run)/\(key)",
            "2020-01-01/\(run)/\(key).bak", "2020-01-01/.hidden/\(key)", "2020-01-01/\(key)", "20200101/\(run)/\(key)",
            "2020-01-01/\(run)/users/A/jobs/j/output/transcript.txt",
        ].map { ".trash/" + $0 }
        let ours = ".trash/2020-01-01/\(run)/\(key)"
        for path in strangers + [ours] { try world.plant(path, age: .days(2_000)) }
        let outcome = try await world.sweep("--now", "+60d")
        #expect(outcome["purged"] == 1, "\(outcome)")
        #expect(world.stored(ours) == nil)
        for path in strangers { #expect(world.stored(path) == Sample.text(), "\(path)") }
        try await world.close()
    }
}
