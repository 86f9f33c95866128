import CustodeTesting
import Foundation
import Testing

@Suite("The brake that bucket and database must be of one identity")
struct IdentityTests {
    private static let path = "/.custode/identity.json"

    /// A world with something alive and one orphan that would go now.
    private func world(settings: [String: String] = [:]) async throws -> (world: World, orphan: String) {
        let world = try await World.start(settings: World.collecting.merging(settings) { $1 })
        try await world.furnish(2)
        let orphan = try #require(try world.plantOrphans(1).first)
        try await world.sweep()
        return (world, orphan)
    }

    /// The ways in which a marker can be another one than it should be.
    enum Damage: String, CaseIterable, Sendable {
        case missing, empty, garbage, halfWritten, isFolder, isDanglingLink, withoutUUID
        case otherUUID, otherCluster, otherEnvironment, environmentInOtherCase

        func apply(to world: World) throws {
            let file = world.bucket + IdentityTests.path
            let text = try String(contentsOfFile: file, encoding: .utf8)
            let marker = try JSON(Array(text.utf8))
            var members: [String: JSON] = [:]
            for name in marker.names { members[name] = marker[name] }
            try FileManager.default.removeItem(atPath: file)
            switch self {
            case .missing: return
            case .empty: try write("", file)
            case .garbage: try write("not JSON", file)
            case .halfWritten: try write(String(text.prefix(text.count / 2)), file)
            case .isFolder: try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: false)
            case .isDanglingLink: try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "none")
            case .withoutUUID: try write(JSON.object(members.filter { $0.key != "uuid" }).description, file)
            case .otherUUID: try write(members, "uuid", UUID().uuidString.lowercased(), file)
            case .otherCluster: try write(members, "postgres_system_id", "7000000000000000001", file)
            case .otherEnvironment: try write(members, "environment", "production", file)
            case .environmentInOtherCase: try write(members, "environment", "Development", file)
            }
        }

        private func write(_ members: [String: JSON], _ name: String, _ value: String, _ file: String) throws {
            try write(JSON.object(members.merging([name: .string(value)]) { $1 }).description, file)
        }

        private func write(_ text: String, _ file: String) throws {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        }
    }

    @Test(
        "I15: a marker that is missing, unreadable or another's holds every run, whatever hash overrides",
        arguments: Damage.allCases)
    func damaged(_ damage: Damage) async throws {
        let (world, orphan) = try await world()
        let hash = try #require(try await world.sweep("--dry-run", "--now", "+21h").planHash)
        try damage.apply(to: world)
        try await world.expectHeld(by: "identity", "--now", "+21h")
        try await world.expectHeld(by: "identity", "--now", "+21h", "--override", hash)
        try await world.expectHeld(by: "identity", "--outbox-only", "--now", "+21h")
        world.expect(.place, of: orphan)
        try await world.close()
    }

    @Test("schema install --adopt mends a marker, and what was seen before does not count: the next run is a first one")
    func adopt() async throws {
        for damage in [Damage.missing, .garbage, .otherUUID] {
            let (world, orphan) = try await world()
            try damage.apply(to: world)
            let plain = try await world.service.run("schema", "install")
            #expect(plain.output.contains("--adopt") || plain.errors.contains("--adopt"), "\(plain)")
            try await world.expectHeld(by: "identity", "--now", "+21h")
            let adopted = try await world.service.run("schema", "install", "--adopt")
            #expect(adopted.status == 0, "\(adopted)")
            let first = try await world.sweep("--now", "+22h")
            #expect(first.verdict == "dry" && first.brake == "first_run" && first["quarantined"] == 0, "\(first)")
            #expect(first["due"] == 0, "\(damage): \(first)")
            let early = try await world.sweep("--now", "+30h")
            #expect(early["quarantined"] == 0 && early.verdict == "done", "\(damage): \(early)")
            world.expect(.place, of: orphan)
            let second = try await world.sweep("--now", "+43h")
            #expect(second["quarantined"] == 1, "\(damage): \(second)")
            try await world.close()
        }
    }

    @Test("another environment holds gc and the worker: exit 3, a metric for each, nothing collected")
    func environment() async throws {
        let (world, orphan) = try await world()
        try await world.service.terminate()
        let staging = try CustodeProcess(
            database: world.database.uri, bucket: "file://" + world.bucket, keys: [world.bothKey],
            settings: [
                "CUSTODE_ENVIRONMENT": "staging", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "100ms",
                "CUSTODE_POLICY_COLLECTION_OUTBOX_DELAY": "0s",
            ])
        try await staging.start()
        let keys = try await world.furnish(1)
        let deleted = TestDatabase.quote(keys[0])
        try await world.database.sql("delete from jobs where input_ref = \(deleted)")
        try await world.expectHeld(by: "identity", "--now", "+21h", settings: ["CUSTODE_ENVIRONMENT": "staging"])
        let isTold = try await eventually {
            let text = try await staging.admin.request("GET", "/metrics").text
            return text.contains("custode_gc_blocked{brake=\"identity\"} 1\n")
                && text.contains("custode_collection_braked{brake=\"identity\"} 1\n")
                && text.contains("custode_outbox_pending 1\n")
        }
        #expect(isTold)
        #expect(staging.log.contains("identity"))
        world.expect(.place, of: keys[0])
        world.expect(.place, of: orphan)
        try await staging.terminate()
    }

    @Test("a bucket of another database, or one that is empty because its disk is not there, holds every run")
    func swapped() async throws {
        let (world, orphan) = try await world()
        let (other, another) = try await self.world()
        try await world.expectHeld(
            by: "identity", "--now", "+21h", settings: ["CUSTODE_BUCKET": "file://" + other.bucket])
        try await other.expectHeld(
            by: "identity", "--now", "+21h", settings: ["CUSTODE_BUCKET": "file://" + world.bucket])
        try await world.expectHeld(
            by: "identity", "--now", "+21h", settings: ["CUSTODE_DATABASE_URL": other.database.uri])
        let empty = try TestFolder()
        let held = try await world.expectHeld(
            by: "identity", "--now", "+21h", settings: ["CUSTODE_BUCKET": "file://" + empty.path])
        #expect(held["listed"] <= 0 && TestFolder.files(below: empty.path).isEmpty, "\(held)")
        world.expect(.place, of: orphan)
        other.expect(.place, of: another)
        try await world.close()
        try await other.close()
    }

    @Test("a bucket that is full when the schema is installed is not marked: somebody must say that it is ours")
    func full() async throws {
        let world = try await World.prepare(settings: World.collecting)
        let orphan = try #require(try world.plantOrphans(1).first)
        let installed = try await world.service.run("schema", "install")
        #expect(installed.status == 0, "\(installed)")
        #expect(!FileManager.default.fileExists(atPath: world.bucket + Self.path))
        try await world.service.start()
        #expect(!FileManager.default.fileExists(atPath: world.bucket + Self.path))
        try await world.furnish(1)
        try await world.expectHeld(by: "identity")
        let adopted = try await world.service.run("schema", "install", "--adopt")
        #expect(adopted.status == 0, "\(adopted)")
        #expect(try await world.sweep().brake == "first_run")
        world.expect(.place, of: orphan)
        try await world.close()
    }
}
