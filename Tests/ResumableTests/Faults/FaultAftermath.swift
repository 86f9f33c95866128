import CustodeTesting
import Foundation
import Testing

/// What must hold once all is quiet again.
struct FaultAftermath: Sendable {
    let fleet: FaultyFleet
    let proxy: FaultProxy?
    let objects: [FinishedObject]

    private var world: World { fleet.world }
    private var story: String { fleet.story.name }

    func expect() async throws {
        try await expectReferences()
        for service in fleet.services { try await service.terminate() }
        try proxy?.clear()
        // What was begun and never answered rests for too long now, and nobody lives who could come back to anything.
        try await world.database.sql(
            """
            update custode.uploads set lease_until = null where lease_until is not null;
            update custode.uploads set expires_at = clock_timestamp() where state = 'receiving' or job_id is null
            """)
        try await world.service.start()
        let isOver = try await eventually(within: .seconds(30)) { try await unfinished() == "0" }
        let count = try await unfinished() ?? ""
        #expect(isOver, "\(count) uploads are neither done nor given up; \(story)")
        try await world.service.terminate()
        try await comeToRest()
        let placed = Set(try await keys().filter { !$0.hasPrefix(".custode/") && !$0.hasPrefix(".trash/") })
        let references = Set(try await world.references().map(\.key))
        #expect(placed == references, "\(placed.symmetricDifference(references)); \(story)")
        #expect(references.count == objects.count, "\(references.count) for \(objects.count) objects; \(story)")
    }

    /// Expects that each object is referred to once, under its name, with the digest of its bytes.
    private func expectReferences() async throws {
        let rows = try await world.database.sql("select job_id, object, size, sha256 from custode.objects")
        let found = rows.map { $0.map { $0 ?? "" }.joined(separator: " ") }.sorted()
        let digests = try await digests()
        let wanted = zip(objects, digests).map { "\($0.job.id) \($0.object) \($0.bytes.count) \($1)" }.sorted()
        let isSame = found == wanted
        let other = Set(found).symmetricDifference(wanted).sorted().prefix(6)
        #expect(isSame, "\(found.count) rows for \(wanted.count) objects: \(other); \(story)")
    }

    /// By a program, since the tests' own function would take a minute.
    private func digests() async throws -> [String] {
        let folder = try TestFolder()
        defer { folder.remove() }
        let files = objects.indices.map { folder.path + "/\($0)" }
        for (object, file) in zip(objects, files) { try Data(object.bytes).write(to: URL(fileURLWithPath: file)) }
        let output = try await Command.succeed(Checkout.tool("sha256sum") ?? "sha256sum", files)
        return output.split(separator: "\n").map { String($0.prefix(64)) }
    }

    private func unfinished() async throws -> String? {
        try await world.database.value("select count(*) from custode.uploads where state not in ('done', 'ended')")
    }

    private func keys() async throws -> [String] {
        if let s3 = world.s3 { return try await s3.keys() }
        if world.supabase != nil { return try world.supabaseKeys() }
        return Array(TestFolder.files(below: world.bucket).keys)
    }

    /// What is left of what was on its way: files and pieces, multipart uploads, promises.
    private func leftovers() async throws -> [String] {
        let parts = try await world.s3?.uploads().map { "open: " + $0.key } ?? []
        // Those that lapsed are remembered for a month.
        let intents = try await world.database.sql(
            "select key from custode.upload_intents where state not in ('queued', 'abandoned')"
        ).map { "intent: \($0)" }
        return try await keys().filter { $0.hasPrefix(".custode/uploads/") } + parts + intents
    }

    /// Lets time pass, as far as anybody can tell, and expects that all that is left goes.
    private func comeToRest() async throws {
        try age()
        try await world.database.sql(
            """
            update custode.upload_intents set lease_until = clock_timestamp();
            update custode.gc_items set claimed_until = clock_timestamp() where claimed_until > clock_timestamp();
            update custode.outbox set claimed_until = null where parked_at is null
            """)
        // Tidying is what a service begins with.
        try await world.service.start()
        let isEmpty = try await eventually(within: .seconds(40)) {
            let outcome = try await world.gc("--now", "+1m")
            #expect(outcome.status == 0 || outcome.brake == "live", "\(outcome); \(story)")
            return try await leftovers().isEmpty && outcome["listed"] == outcome["live"]
        }
        let left = try await leftovers()
        #expect(isEmpty && left.isEmpty, "\(left.count) left: \(left.prefix(10)); \(story)")
        try await world.service.terminate()
    }

    private func age() throws {
        guard let proxy else {
            for key in TestFolder.files(below: world.bucket).keys where key.hasPrefix(".custode/uploads/") {
                try world.setAge(.seconds(7_200), of: key)
            }
            return
        }
        let begun = Date().addingTimeInterval(-30 * 3_600).formatted(.iso8601)
        let dates: [(request: String, before: String, behind: Character)] = [
            ("uploads=", "<Initiated>", "<"), ("list-type=2", "<LastModified>", "<"),
            ("list-v2", "\"updated_at\":\"", "\""),
        ]
        for (part, tag, behind) in dates {
            proxy.rewrite(
                matching: part,
                by: ResponseRewrite { body in
                    body.components(separatedBy: tag).enumerated().map { number, rest in
                        guard number > 0, let end = rest.firstIndex(of: behind) else { return rest }
                        return begun + rest[end...]
                    }.joined(separator: tag)
                }, times: .max)
        }
    }
}
