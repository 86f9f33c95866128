import CustodeTesting
import Foundation
import Testing

/// Everything that a run of collection may change, and the run's own record of itself left out.
struct Standing: Equatable {
    let rows: [String: [String?]]
    let files: Inventory

    static func of(_ world: World) async throws -> Standing {
        let tables = [
            "jobs", "artifacts", "custode.objects", "custode.outbox", "custode.upload_intents", "custode.gc_items",
            "custode.gc_audit",
        ]
        return Standing(rows: try await world.dump(tables), files: Inventory(world.bucket))
    }
}

extension World {
    /// Gives jobs of alice's an input each, rows and files without the service; returns their keys.
    @discardableResult
    func furnish(_ count: Int) async throws -> [String] {
        let jobs = try await newJobs(count)
        let keys = jobs.map { World.key(user: $0.user, job: $0.id, "input/original.wav") }
        for key in keys { try plant(key) }
        let pairs = zip(jobs, keys).map { "(\(TestDatabase.quote($0.id)), \(TestDatabase.quote($1)))" }
        try await unseen(
            "update jobs set input_ref = k.key from (values \(pairs.joined(separator: ", "))) k (id, key) "
                + "where jobs.id::text = k.id")
        return keys
    }

    /// Plants objects of jobs that do not exist.
    func plantOrphans(_ count: Int, of user: String? = nil, age: Duration = .days(3)) throws -> [String] {
        let keys = (0..<count).map { _ in
            World.key(user: user ?? alice, job: UUID().uuidString.lowercased(), "output/transcript.txt")
        }
        for (index, key) in keys.enumerated() { try plant(key, Sample.text(index), age: age) }
        return keys
    }

    /// Lets references go that no trigger sees.
    func forget(references keys: some Collection<String>) async throws {
        let list = keys.map(TestDatabase.quote).joined(separator: ", ")
        try await unseen("update jobs set input_ref = null where input_ref in (\(list))")
    }

    /// Whether the service comes to show this series with the value 1.
    func isTold(_ series: String) async throws -> Bool {
        try await eventually {
            try await self.service.admin.request("GET", "/metrics").text.contains("\(series) 1\n")
        }
    }

    /// Runs gc, which a brake must hold: exit status 3, the brake's name, a reason, and nothing removed or advanced.
    @discardableResult
    func expectHeld(
        by brake: String, _ arguments: String..., settings: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> CollectionOutcome {
        let before = try await Standing.of(self)
        let outcome = try await collect(["gc"] + arguments, settings: settings)
        expectBlocked(outcome, by: brake, sourceLocation: sourceLocation)
        #expect(try await Standing.of(self) == before, "\(outcome)", sourceLocation: sourceLocation)
        return outcome
    }
}

/// Expects what a run says of itself that a brake held.
func expectBlocked(
    _ outcome: CollectionOutcome, by brake: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(outcome.status == 3, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.verdict == "blocked" && outcome.brake == brake, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome["quarantined"] == 0 && outcome["purged"] == 0, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.json["detail"].string?.isEmpty == false, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.errors.contains("brake \(brake): "), "\(outcome)", sourceLocation: sourceLocation)
}
