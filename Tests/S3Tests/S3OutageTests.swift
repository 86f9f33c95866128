import CustodeTesting
import Foundation
import Testing

@Suite("An S3 service that is gone, or that the settings do not reach", .timeLimit(.minutes(3)))
struct S3OutageTests {
    /// Expects that the service refuses for now, and says when to ask again.
    private func expectUnavailable(_ reply: RawResponse, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(reply.status == 503, "\(reply.summary)", sourceLocation: sourceLocation)
        #expect(reply.header("Retry-After") != nil, "\(reply.summary)", sourceLocation: sourceLocation)
    }

    /// Expects a line of the log that says this, in one sentence.
    private func expectTold(
        _ text: String, _ service: CustodeProcess, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let isTold = try await eventually { service.log.contains(text) }
        #expect(isTold, "\(service.log.suffix(3_000))", sourceLocation: sourceLocation)
    }

    @Test(
        "the gateway dies in mid-upload: 503 or the end of the connection, nothing is lost, and it works when it is back"
    )
    func gatewayKilled() async throws {
        let gateway = try await PrivateRGW.start()
        let world = try await World.startOnS3(
            settings: World.swift.merging(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms"]) { $1 }, gateway: gateway)
        let kept = Sound.wav(bytes: 9 << 20, seed: 5)
        let (old, _) = try await world.jobWith("input", kept)
        let sound = Sound.wav(bytes: 40 << 20)
        let job = try await world.newJob()
        let connection = try await RawConnection.open(port: world.service.port)
        let head = world.service.client.head(
            "PUT", job.path("input"), headers: world.credentials(of: .alice) + ["Content-Type": "audio/wav"],
            body: .bytes(sound))
        try await connection.send(head + sound.prefix(20 << 20))
        let isBegun = try await eventually { try await !world.objects.uploads().isEmpty }
        #expect(isBegun)
        try await gateway.killGateway()
        try await connection.send(Array(sound.dropFirst(20 << 20)))
        if let reply = try? await connection.read(to: "PUT") { expectUnavailable(reply) }
        try await expectTold("the bucket's service does not answer", world.service)

        expectUnavailable(try await world.put("input", of: job, Sample.wav(), type: "audio/wav"))
        expectUnavailable(try await world.get("input", of: old))
        let ready = try await world.service.admin.request("GET", "/readyz")
        #expect(ready.status == 503)
        #expect(try await world.service.admin.request("GET", "/healthz").status == 200)
        expectBlocked(try await world.gc("--now", "+1m"), by: "listing")
        let rows = try await world.database.value("select count(*) from custode.objects")
        #expect(rows == "1")

        try await gateway.restartGateway()
        let isBack = try await eventually(within: .seconds(30)) { try await world.service.isReady() }
        #expect(isBack)
        #expect(try await world.get("input", of: old).body == kept)
        _ = try await world.store("input", of: job, sound, type: "audio/wav")
        #expect(try await world.get("input", of: job).body == sound)
        try await world.close()
        try await gateway.stop()
    }

    @Test("the bucket is deleted under the service: 503, the log names it, gc brakes, and no row is lost")
    func bucketDeleted() async throws {
        let world = try await World.startOnS3(settings: World.collecting)
        let (job, key) = try await world.jobWith("input")
        let orphan = try await world.abandoned()
        try await world.sweep("--now", "+72h")
        let bucket = try world.objects
        var contents: [String: [UInt8]] = [:]
        for key in try await bucket.keys() { contents[key] = try await bucket.get(key) }
        try await bucket.remove()
        let tables = "select count(*) from jobs, custode.objects"
        let rows = try await world.database.value(tables)

        expectUnavailable(try await world.get("input", of: job))
        let other = try await world.newJob()
        for size in [1_000, 9 << 20] {
            expectUnavailable(try await world.put("input", of: other, Sound.wav(bytes: size), type: "audio/wav"))
        }
        try await expectTold("there is no bucket \(bucket.name)", world.service)
        try await world.database.sql("delete from jobs where id = \(TestDatabase.quote(other.id))")
        for arguments in [["--now", "+93h"], ["--outbox-only"], ["--dry-run"]] {
            expectBlocked(try await world.collect(["gc"] + arguments), by: "listing")
        }
        let scrub = try await world.collect(["scrub"])
        #expect(scrub.status == 1 && scrub["missing"] <= 0, "\(scrub)")
        #expect(try await world.database.value(tables) == rows)
        #expect(try await world.reference("input", of: job) == key)
        #expect(try await world.audit().isEmpty)

        try await bucket.make()
        expectBlocked(try await world.gc("--now", "+93h"), by: "identity")
        try await bucket.putAll(contents)
        #expect(try await world.get("input", of: job).body == Sample.wav())
        _ = try await world.store("transcript", of: job, Sample.text())
        #expect(try await world.place(of: orphan) == .place)
        try await world.close()
    }

    /// Settings that do not fit the bucket.
    enum Mistake: String, CaseIterable, Sendable {
        case secretKey, accessKey, bucket, otherUser

        func settings(_ world: World) throws -> [String: String] {
            switch self {
            case .secretKey: ["CUSTODE_S3_SECRET_KEY": "not-the-secret"]
            case .accessKey: ["CUSTODE_S3_ACCESS_KEY": "nobody"]
            case .bucket: ["CUSTODE_BUCKET": try world.objects.setting().replacing("bucket-", with: "no-such-")]
            case .otherUser:
                [
                    "CUSTODE_S3_ACCESS_KEY": PrivateRGW.other.accessKey,
                    "CUSTODE_S3_SECRET_KEY": PrivateRGW.other.secretKey,
                ]
            }
        }

        /// What the log names as the way out.
        var told: String {
            switch self {
            case .secretKey: "correct CUSTODE_S3_SECRET_KEY"
            case .accessKey: "correct CUSTODE_S3_ACCESS_KEY"
            case .bucket: "correct CUSTODE_BUCKET"
            case .otherUser: "the key may not do this to the bucket"
            }
        }
    }

    @Test(
        "with wrong settings serve runs, answers 503, and its log says which one to correct",
        arguments: Mistake.allCases)
    func mistaken(mistake: Mistake) async throws {
        let world = try await World.startOnS3(settings: World.collecting)
        let (job, _) = try await world.jobWith("input")
        let service = try world.replica(try mistake.settings(world))
        // It never becomes ready; it is up all the same.
        await #expect(throws: HarnessError.self) { try await service.start(ready: .seconds(2)) }
        let isUp = try await eventually {
            (try? await service.admin.request("GET", "/healthz").status) == 200
        }
        #expect(isUp, "\(service.log)")
        let headers = world.credentials(of: .alice)
        expectUnavailable(try await service.client.request("GET", job.path("input"), headers: headers))
        let other = try await world.newJob()
        for size in [1_000, 9 << 20] {
            let reply = try await service.client.request(
                "PUT", other.path("input"), headers: headers + ["Content-Type": "audio/wav"],
                body: .bytes(Sound.wav(bytes: size)))
            expectUnavailable(reply)
        }
        #expect(service.log.contains(mistake.told), "\(service.log)")
        #expect(!service.log.contains(PrivateRGW.custode.secretKey) && !service.log.contains("not-the-secret"))
        try await service.terminate()
        #expect(try await world.get("input", of: job).status == 200)
        #expect(try await world.reference("input", of: other) == nil)
        try await world.close()
    }
}
