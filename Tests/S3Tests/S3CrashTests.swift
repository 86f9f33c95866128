import CustodeTesting
import Foundation
import Glibc
import Testing

@Suite(
    "I4, I5: a run of collection that ends, or falls asleep, between any two requests to S3", .timeLimit(.minutes(5)))
struct S3CrashTests {
    private static let killed: Int32 = 128 + 9
    private static let quiet = World.swift.merging(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "1h"]) { $1 }

    /// A world of quick rules for one crash after the other, whose runs go by way of a proxy.
    private struct Stage {
        let world: World
        let proxy: FaultProxy
        let live: [String]

        static func set() async throws -> Stage {
            let gateway = try await PrivateRGW.shared()
            let world = try await World.startOnS3(settings: S3CrashTests.quiet)
            let live = try await world.furnish(2)
            try await world.sweep("--now", "+1m")
            return Stage(world: world, proxy: try FaultProxy(to: gateway.port), live: live)
        }

        /// New orphans that the next run takes, with their bytes.
        func orphans(_ count: Int) async throws -> [String: [UInt8]] {
            let orphans = try await world.plantOrphans(count)
            // Seen, and old enough, though the bucket tells the time to the second.
            try await world.sweep("--now", "+1m")
            return orphans
        }

        /// Starts a run by way of the proxy.
        func launch(_ settings: [String: String] = [:]) async throws -> RunningVerb {
            let way = ["CUSTODE_BUCKET": try world.objects.setting(by: proxy.url)]
            return try world.launch(["gc", "--now", "+2m"], settings: way.merging(settings) { $1 })
        }

        /// Waits until the proxy holds something back; false if the run ends before.
        func isHeld(_ run: RunningVerb, _ count: Int) async throws -> Bool {
            try await eventually(within: .seconds(30)) { run.status != nil || proxy.heldCount > count }
                && proxy.heldCount > count
        }

        /// Expects I1, I4 and I5: what lives is in its place, what goes is somewhere, whole, and told of before.
        func expectSafe(_ orphans: [String: [UInt8]], _ context: String) async throws {
            let keys = Set(try await world.objects.keys())
            for key in live { #expect(keys.contains(key), "\(context): \(key)") }
            let told = Set(
                try await world.database.sql("select trash_key from custode.gc_audit where action = 'quarantine'")
                    .compactMap { $0[0] })
            let trash = try await world.quarantine()
            for (key, bytes) in orphans {
                let copies = trash[key] ?? []
                let places = (keys.contains(key) ? [key] : []) + copies
                #expect(!places.isEmpty, "\(context): \(key) is lost")
                for place in places { #expect(try await world.objects.get(place) == bytes, "\(context): \(place)") }
                #expect(told.isSuperset(of: copies), "\(context): \(copies) are not all in the audit")
            }
        }

        /// Runs until all is done that was left, and expects that each is in quarantine and known there once.
        func settle(_ orphans: [String: [UInt8]], _ context: String) async throws {
            let isDone = try await eventually(within: .seconds(20)) {
                let next = try await world.gc("--now", "+2m")
                guard next.brake != "leader" else { return false }
                #expect(next.status == 0 && next.verdict == "done", "\(context): \(next)")
                return Set(try await world.placed()).isDisjoint(with: orphans.keys)
            }
            #expect(isDone, "\(context)")
            try await expectSafe(orphans, context)
            for key in orphans.keys {
                let rows = try await world.database.sql(
                    "select state, trash_key from custode.gc_items where key = \(TestDatabase.quote(key))")
                #expect(rows.count == 1 && rows.first?.first == "quarantined", "\(context): \(rows)")
                let trash = try await world.quarantine()[key] ?? []
                #expect(trash.contains(rows.first?[1] ?? ""), "\(context): \(trash)")
                // A crash between copy and removal leaves a copy more, which goes with its TTL and harms nobody.
                #expect(trash.count <= 2, "\(context): \(trash)")
            }
        }

        /// Expects that restoring brings each back byte for byte, and that it can be collected once more.
        func restore(_ orphans: [String: [UInt8]], _ context: String) async throws {
            for (key, bytes) in orphans {
                let outcome = try await world.collect(["restore", "--key", key])
                #expect(outcome.status == 0, "\(context): \(outcome)")
                #expect(try await world.objects.get(key) == bytes, "\(context)")
            }
        }
    }

    @Test("killed after any of its requests was done and before it knew: nothing is lost, and the next runs finish")
    func killedAnywhere() async throws {
        let stage = try await Stage.set()
        var nth = 0
        var changed = 0
        var last: [String: [UInt8]] = [:]
        while true {
            let context = "killed after request \(nth)"
            let orphans = try await stage.orphans(2)
            stage.proxy.hold(matching: " HTTP/1.1", .toClient, skipping: nth)
            let held = stage.proxy.heldCount
            stage.proxy.forgetRequests()
            let run = try await stage.launch()
            let isHeld = try await stage.isHeld(run, held)
            changed = max(changed, stage.proxy.changes.count)
            if isHeld { run.signal(SIGKILL) }
            let outcome = try await run.end()
            try stage.proxy.clear()
            #expect(outcome.status == (isHeld ? Self.killed : 0), "\(context): \(outcome)")
            try await stage.expectSafe(orphans, context)
            try await stage.settle(orphans, context)
            last = orphans
            guard isHeld else { break }
            nth += Checkout.isFastRun ? 4 : 1
        }
        // Two copies and two removals at the least, and as many looks.
        #expect(nth > 12 && changed >= 4, "\(nth) crashes")
        try await stage.restore(last, "at the end")
        // What crashes left in quarantine is purged with the rest.
        try await stage.world.sweep("--now", "+20d")
        #expect(try await stage.world.quarantine().isEmpty)
        try await stage.world.close()
    }

    /// The moments of a quarantine: a request's line begins so, and it is held on its way there or its reply back.
    enum Moment: String, CaseIterable, Sendable {
        case beforeCopy, afterCopy, beforeRemoval, afterRemoval

        var line: String { [.beforeCopy, .afterCopy].contains(self) ? "PUT " : "DELETE " }
        var direction: ProxyFault.Direction { [.beforeCopy, .beforeRemoval].contains(self) ? .toServer : .toClient }
        var isDone: Bool { direction == .toClient }
    }

    /// Has a run hold still at a moment of the one orphan that it quarantines.
    private func holdStill(
        _ stage: Stage, _ moment: Moment, _ settings: [String: String] = [:]
    ) async throws -> RunningVerb {
        let bucket = try stage.world.objects.name
        let place = moment.line == "PUT " ? "/\(bucket)/.trash/" : "/\(bucket)/users/"
        stage.proxy.hold(matching: moment.line + place, moment.direction)
        let held = stage.proxy.heldCount
        let run = try await stage.launch(settings)
        guard try await stage.isHeld(run, held) else { throw HarnessError("not held: \(try await run.end())") }
        return run
    }

    @Test(
        "killed at a moment of the quarantine of one object: it is in one place at least, then in quarantine, then back",
        arguments: Moment.allCases)
    func killed(at moment: Moment) async throws {
        let stage = try await Stage.set()
        let orphans = try await stage.orphans(1)
        let key = try #require(orphans.keys.first)
        let run = try await holdStill(stage, moment)
        run.signal(SIGKILL)
        #expect(try await run.end().status == Self.killed)
        try stage.proxy.clear()
        let expected: [Moment: World.Whereabouts] = [
            .beforeCopy: .place, .afterCopy: .both, .beforeRemoval: .both, .afterRemoval: .trash,
        ]
        #expect(try await stage.world.place(of: key) == expected[moment])
        try await stage.expectSafe(orphans, "\(moment)")
        try await stage.settle(orphans, "\(moment)")
        try await stage.restore(orphans, "\(moment)")
        try await stage.world.close()
    }

    @Test(
        "I9: stopped at such a moment past its lease: another run finishes, and it wakes up to nothing",
        arguments: Moment.allCases, Checkout.isFastRun ? [true] : [true, false])
    func overslept(at moment: Moment, arrivesLate: Bool) async throws {
        let stage = try await Stage.set()
        let world = stage.world
        let orphans = try await stage.orphans(1)
        let key = try #require(orphans.keys.first)
        let run = try await holdStill(stage, moment, ["CUSTODE_POLICY_COLLECTION_LEADER_LEASE": "3s"])
        run.signal(SIGSTOP)
        try await run.stopped()
        // What was sent is done while the sender sleeps, or on a bad day only after others have gone on.
        if !arrivesLate { stage.proxy.release() }
        let hasLapsed = try await eventually {
            try await world.database.value(
                """
                select (select lease_until < clock_timestamp() from custode.gc_leader)
                    and not exists (select from custode.gc_items where claimed_until > clock_timestamp())
                """) == "t"
        }
        #expect(hasLapsed)
        let context = "\(moment), \(arrivesLate ? "late" : "in time")"
        try await stage.expectSafe(orphans, context)
        try await stage.settle(orphans, context)
        stage.proxy.release()
        run.signal(SIGCONT)
        let outcome = try await run.end()
        #expect(outcome.status == 1 && outcome.verdict == "failed", "\(context): \(outcome)")
        try await stage.expectSafe(orphans, context)
        #expect(try await world.place(of: key) == .trash, "\(context)")
        try await stage.settle(orphans, context)
        try await stage.restore(orphans, context)
        try await world.close()
    }
}
