import CustodeTesting
import Foundation
import Testing

/// A world for one crash of a collection run after the other: what was seen once may go at once.
struct CrashWorld {
    let world: World
    private let live: [String: [UInt8]]

    static func start(cluster: PrivatePostgres? = nil, settings: [String: String] = [:]) async throws -> CrashWorld {
        let settings = World.collecting
            .merging([
                "CUSTODE_POLICY_COLLECTION_RUNS_APART": "0s", "CUSTODE_POLICY_COLLECTION_BRAKES_PERCENT": "100",
            ]) { $1 }.merging(settings) { $1 }
        let world = try await World.start(settings: settings, cluster: cluster)
        let keys = try await world.furnish(3)
        try await world.sweep()
        return CrashWorld(
            world: world, live: Dictionary(uniqueKeysWithValues: keys.map { ($0, world.stored($0) ?? []) }))
    }

    /// New orphans that the next run quarantines, with their bytes.
    func orphans(_ count: Int) async throws -> [String: [UInt8]] {
        let keys = try world.plantOrphans(count)
        try await world.sweep()
        return Dictionary(uniqueKeysWithValues: keys.map { ($0, world.stored($0) ?? []) })
    }

    /// Expects I1, I4 and I5: what lives is in its place, what goes is somewhere, whole, and told of before it went.
    func expectSafe(
        _ orphans: [String: [UInt8]], _ context: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for (key, bytes) in live {
            #expect(world.stored(key) == bytes, "\(context): \(key)", sourceLocation: sourceLocation)
        }
        let told = Set(
            try await world.database.sql("select trash_key from custode.gc_audit where action = 'quarantine'").map {
                $0[0]
            })
        let trash = world.trash()
        for (key, bytes) in orphans {
            let places = ([key] + (trash[key] ?? [])).filter { world.stored($0) != nil }
            #expect(places.count == 1, "\(context): \(key) is at \(places)", sourceLocation: sourceLocation)
            for place in places {
                #expect(world.stored(place) == bytes, "\(context): \(place)", sourceLocation: sourceLocation)
                #expect(
                    place == key || told.contains(place), "\(context): \(place) is not in the audit",
                    sourceLocation: sourceLocation)
            }
        }
    }

    /// Runs until all is done that a crash left, and expects that all of it is in quarantine, and known as that.
    func settle(
        _ orphans: [String: [UInt8]], _ context: String, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for _ in 0..<2 {
            let next = try await world.gc()
            #expect(
                next.status == 0 && next.verdict == "done", "\(context): \(next)", sourceLocation: sourceLocation)
        }
        try await expectSafe(orphans, context, sourceLocation: sourceLocation)
        let trash = world.trash()
        for key in orphans.keys {
            #expect(
                world.stored(key) == nil && trash[key]?.count == 1, "\(context): \(key)", sourceLocation: sourceLocation
            )
        }
        let rows = try await world.database.sql(
            "select key, state, trash_key from custode.gc_items where key = any ('{\(orphans.keys.joined(separator: ","))}')"
        )
        #expect(rows.count == orphans.count, "\(context): \(rows)", sourceLocation: sourceLocation)
        for row in rows {
            #expect(row[1] == "quarantined", "\(context): \(row)", sourceLocation: sourceLocation)
            #expect(world.stored(row[2] ?? "") != nil, "\(context): \(row)", sourceLocation: sourceLocation)
        }
        let open = try await world.database.value(
            "select count(*) from custode.gc_items where state not in ('seen', 'quarantined')")
        #expect(open == "0", "\(context)", sourceLocation: sourceLocation)
    }
}
