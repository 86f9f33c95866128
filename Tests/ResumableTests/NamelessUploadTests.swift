import CustodeTesting
import Testing

@Suite("Uploads whose name nobody was told")
struct NamelessUploadTests {
    private static let open = "select count(*) from custode.uploads where state = 'receiving'"

    @Test("a POST of tus that is refused or breaks off leaves none behind", arguments: BucketKind.allCases)
    func tus(kind: BucketKind) async throws {
        let world = try await kind.world()
        let job = try await world.newJob()
        let names = metadata(["job": job.id, "object": "input"])
        for (checksum, status) in [("sha1 AAAA", 460), ("md9 AAAA", 400)] {
            let fields = names + ["Upload-Length": "9000", "Upload-Checksum": checksum]
            expectRefusal(try await world.create(fields, as: .user(job.user), body: sound(5_000)), status)
        }
        let fields = names + ["Upload-Length": "1000"]
        expectRefusal(try await world.create(fields, as: .user(job.user), body: sound(5_000)), 413)
        #expect(try await world.database.value(Self.open) == "0")
        let type: HeaderList = ["Content-Type": "application/offset+octet-stream", "Upload-Length": "90000"]
        try await Self.breakOff(world, "POST", "/v1/uploads", job, ResumableTests.tus + names + type)
        try await Self.breakOff(world, "PUT", job.path("input"), job, ["Upload-Complete": "?0"])
        let isOver = try await eventually { try await world.database.value(Self.open) == "0" }
        #expect(isOver)
        #expect(try await world.database.value("select count(*) from custode.uploads") == "4")
        #expect(try await world.database.value("select count(*) from custode.upload_intents") == "0")
    }

    private static func breakOff(
        _ world: World, _ method: String, _ target: String, _ job: TestJob, _ fields: HeaderList
    ) async throws {
        let connection = try await RawConnection.open(port: world.service.port)
        let head = world.service.client.head(
            method, target, headers: world.credentials(of: .user(job.user)) + fields + ["Content-Length": "90000"],
            body: .raw([]))
        try await connection.send(head + sound(50_000))
        let hasBegun = try await eventually { try await world.database.value(Self.open) == "1" }
        #expect(hasBegun)
        connection.close()
        let isOver = try await eventually { try await world.database.value(Self.open) == "0" }
        #expect(isOver)
    }
}
