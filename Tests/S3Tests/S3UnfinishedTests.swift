import CustodeTesting
import Foundation
import Testing

@Suite("I11: uploads in parts that are open, and those that nobody goes on with", .timeLimit(.minutes(3)))
struct S3UnfinishedTests {
    private static let sound = Sound.wav(bytes: 40 << 20)

    /// An upload of the sound that has sent half of it, some of that as parts.
    private func begin(_ job: TestJob, _ world: World) async throws -> (connection: RawConnection, key: String) {
        let connection = try await RawConnection.open(port: world.service.port)
        let head = world.service.client.head(
            "PUT", job.path("input"),
            headers: world.credentials(of: .user(job.user)) + ["Content-Type": "audio/wav"], body: .bytes(Self.sound))
        try await connection.send(head + Self.sound.prefix(20 << 20))
        let key = World.key(user: job.user, job: job.id, "input/original.wav")
        guard try await eventually({ try await world.objects.uploads().contains { $0.key == key } }) else {
            throw HarnessError("no part was sent")
        }
        return (connection, key)
    }

    @Test("one that died with its service is aborted once its lease is over and it is a minute old; foreign ones stay")
    func killed() async throws {
        let (world, proxy) = try await World.behindProxy(
            World.swift.merging(["CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "1s"]) { $1 })
        try await world.furnish(2)
        try await world.sweep()
        let foreign = [
            try await world.objects.beginUpload("legacy/big.bin"),
            try await world.objects.beginUpload("users/A/jobs/x/input/original.wav"),
        ]
        let job = try await world.newJob()
        let (connection, key) = try await begin(job, world)
        try await world.service.kill9()
        connection.close()
        let open = "select count(*) from custode.upload_intents where lease_until > clock_timestamp()"
        let isLapsed = try await eventually {
            try await world.sweep()
            return try await world.database.value(open) == "0"
        }
        #expect(isLapsed)
        // Its lease is over, and it is too young all the same: a part may come before its intent can be seen.
        #expect(try await world.objects.uploads().contains { $0.key == key })
        proxy.ageUploads()
        let outcome = try await world.sweep()
        #expect(outcome["failed"] == 0, "\(outcome)")
        #expect(try await world.objects.uploads() == Set(foreign))
        #expect(try await world.placed().filter { $0.contains(job.id) } == [])
        #expect(try await world.reference("input", of: job) == nil)
        try await world.service.start()
        _ = try await world.store("input", of: job, Self.sound, type: "audio/wav")
        #expect(try await world.get("input", of: job).body == Self.sound)
        #expect(try await world.objects.uploads() == Set(foreign))
        try await world.close()
    }

    @Test("one that is open through whole runs, and beyond its first lease, is answered 201 and served")
    func heldOpen() async throws {
        let (world, proxy) = try await World.behindProxy(
            World.swift.merging(["CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "6s"]) { $1 })
        try await world.furnish(2)
        try await world.sweep()
        proxy.ageUploads()
        let job = try await world.newJob()
        let (connection, key) = try await begin(job, world)
        let begun = ContinuousClock.now
        var rest = Self.sound.dropFirst(20 << 20)
        var runs = 0
        while runs < 2 || ContinuousClock.now < begun + (Checkout.isFastRun ? .seconds(2) : .seconds(9)) {
            try await connection.send(Array(rest.prefix(65_536)))
            rest = rest.dropFirst(65_536)
            let outcome = try await world.sweep("--now", "+\(runs)h")
            #expect(outcome["quarantined"] == 0 && outcome["failed"] == 0, "\(outcome)")
            #expect(try await world.objects.uploads().map(\.key) == [key])
            runs += 1
        }
        try await connection.send(Array(rest))
        let reply = try await connection.read(to: "PUT")
        #expect(reply.status == 201, "\(reply.summary)")
        try await world.sweep("--now", "+100h")
        #expect(try await world.get("input", of: job).body == Self.sound)
        #expect(try await world.objects.uploads().isEmpty)
        try await world.close()
    }

    @Test("parts beside an object that another upload made go, and after a day those of copies into quarantine")
    func left() async throws {
        let (world, proxy) = try await World.behindProxy(World.swift)
        try await world.furnish(2)
        try await world.sweep()
        let (_, key) = try await world.jobWith("input")
        let place = ".trash/2020-01-01/20200101T000000Z-abcdef/" + key
        for key in [key, place, ".custode/probes/a", "foreign/a"] { _ = try await world.objects.beginUpload(key) }
        proxy.ageUploads()
        try await world.sweep()
        #expect(Set(try await world.objects.uploads().map(\.key)) == [place, ".custode/probes/a", "foreign/a"])
        try proxy.clear()
        proxy.ageUploads(hours: 27)
        try await world.sweep()
        #expect(try await world.objects.uploads().map(\.key) == ["foreign/a"])
        try await world.close()
    }

    @Test("one whose client goes away leaves no parts, without any collection")
    func clientGone() async throws {
        let world = try await World.startOnS3(settings: World.collecting)
        let job = try await world.newJob()
        let (connection, _) = try await begin(job, world)
        connection.close()
        let isGone = try await eventually { try await world.objects.uploads().isEmpty }
        #expect(isGone)
        #expect(try await world.placed().isEmpty)
        #expect(try await world.get("input", of: job).status == 404)
        try await world.close()
    }

    @Test("I12: the parts of an upload whose job is deleted meanwhile are not kept")
    func jobDeleted() async throws {
        let (world, proxy) = try await World.behindProxy(
            World.swift.merging(["CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "1s"]) { $1 })
        try await world.furnish(2)
        try await world.sweep()
        let job = try await world.newJob()
        let (connection, key) = try await begin(job, world)
        try await world.deleteJob(job)
        try await connection.send(Array(Self.sound.dropFirst(20 << 20)))
        #expect(try await connection.read(to: "PUT").status == 404)
        proxy.ageUploads()
        let isCollected = try await eventually {
            try await world.sweep()
            let places = try await world.placed()
            return try await world.objects.uploads().isEmpty && !places.contains(key)
        }
        #expect(isCollected)
        #expect(try await world.database.value("select count(*) from custode.objects") == "0")
        try await world.close()
    }
}
