import CustodeTesting
import Foundation
import Testing

@Suite("Whose a resumable upload is")
struct UploadOwnershipTests {
    @Test("every verb of another's upload is 404, byte for byte that of one that is not there")
    func another() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await world.begin(10_000, of: try await world.newJob())
        #expect(try await upload.patch(sound(5_000), at: 0).status == 204)
        let bob = Upload(client: upload.client, target: upload.target, credentials: world.credentials(of: .bob))
        let none = Upload(
            client: upload.client, target: "/v1/uploads/aaaaaaaaaaaaaaaaaaaaaaaaaa",
            credentials: world.credentials(of: .bob))
        let pairs = [
            (try await bob.head(), try await none.head()), (try await bob.head([:]), try await none.head([:])),
            (try await bob.patch([1], at: 5_000), try await none.patch([1], at: 5_000)),
            (
                try await bob.append([1], at: 5_000, complete: true),
                try await none.append([1], at: 5_000, complete: true)
            ),
            (try await bob.delete(), try await none.delete()),
        ]
        for (theirs, nobodys) in pairs {
            #expect(theirs.status == 404 && theirs.header("Upload-Offset") == nil)
            let id = { (reply: RawResponse) in reply.header("X-Request-Id") ?? "?" }
            #expect(
                theirs.text.replacing(id(theirs), with: "") == nobodys.text.replacing(id(nobodys), with: ""))
        }
        #expect(try await upload.offset() == 5_000)
    }

    @Test("a worker's key goes on with artifacts, and with nothing else")
    func grants() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let worker = Caller.worker(job.user)
        let length: HeaderList = ["Upload-Length": "10"]
        expectRefusal(
            try await world.create(length + metadata(["job": job.id, "object": "input"]), as: worker), 403)
        let reply = try await world.create(
            length + metadata(["job": job.id, "object": "transcript"]), as: worker)
        let upload = try world.upload(reply, as: worker)
        let other = Upload(
            client: upload.client, target: upload.target, credentials: world.credentials(of: .delegate(job.user)))
        #expect(try await other.head().status == 404, "writing artifacts is not what it may")
        #expect(try await upload.patch(Array("0123456789".utf8), at: 0).status == 204)
        try await world.expect("transcript", of: job, is: Array("0123456789".utf8))
    }

    @Test("without a credential, 401")
    func nobody() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await world.begin(10_000, of: try await world.newJob())
        for authorization in [nil, "Bearer x", "Bearer cus_a_b"] {
            let credentials: HeaderList = if let authorization { ["Authorization": authorization] } else { [:] }
            let stranger = Upload(client: upload.client, target: upload.target, credentials: credentials)
            expectRefusal(try await stranger.patch([1], at: 0), 401)
        }
    }

    @Test("an upload whose job is gone is 404, and nothing of it becomes an object")
    func jobGone() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let upload = try await world.begin(10_000, of: job)
        #expect(try await upload.patch(sound(10_000).dropLast(), at: 0).status == 204)
        _ = try await world.database.sql("delete from jobs where id = \(TestDatabase.quote(job.id))")
        expectRefusal(try await upload.patch([1], at: 9_999), 404)
        expectRefusal(try await upload.head(), 404)
    }
}

@Suite("Resumable uploads under an upload link")
struct UploadLinkTests {
    private static func link(
        _ world: World, _ job: TestJob, _ members: [String: JSON] = [:]
    ) async throws -> (target: String, bearer: HeaderList) {
        let target = try await world.link("input", of: job, ["operation": "upload"].merging(members) { $1 })
        return (target, ["Authorization": "Bearer \(target.dropFirst(3))"])
    }

    private static func begin(
        _ world: World, _ bearer: HeaderList, _ headers: HeaderList = ["Upload-Length": "10000"]
    ) async throws -> RawResponse {
        try await world.service.client.request("POST", "/v1/uploads", headers: tus + bearer + headers)
    }

    @Test("its token opens an upload by tus, for its object alone", arguments: BucketKind.allCases)
    func byToken(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let (_, bearer) = try await Self.link(world, job)
        let other = try await world.newJob()
        let foreign = metadata(["job": other.id, "object": "input"]) + ["Upload-Length": "10000"]
        expectRefusal(try await Self.begin(world, bearer, foreign), 403)
        let reply = try await Self.begin(world, bearer)
        #expect(reply.status == 201, "\(reply.summary)")
        let upload = Upload(
            client: world.service.client, target: try World.target(of: try #require(reply.header("Location"))),
            credentials: bearer)
        #expect(upload.target.hasPrefix("/v1/uploads/"))
        #expect(try await upload.patch(sound(10_000), at: 0).status == 204)
        try await world.expect(of: job, is: sound(10_000))
        // Its user is somebody else to it, and another link too.
        let user = Upload(client: upload.client, target: upload.target, credentials: world.credentials(of: .alice))
        #expect(try await user.head().status == 404)
        let (_, second) = try await Self.link(world, job)
        let stranger = Upload(client: upload.client, target: upload.target, credentials: second)
        #expect(try await stranger.head().status == 404)
    }

    @Test("begun below /u/ it is gone on with there, without a credential")
    func below() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let (target, _) = try await Self.link(world, job)
        let bytes = sound(10_000)
        let reply = try await world.service.client.request(
            "PUT", target, headers: ["Upload-Complete": "?0"], body: .bytes(Array(bytes[..<4_000])))
        #expect(reply.status == 201, "\(reply.summary)")
        let location = try World.target(of: try #require(reply.header("Location")))
        #expect(location.hasPrefix(target + "/"))
        let upload = Upload(client: world.service.client, target: location, credentials: [:])
        #expect(try await upload.offset([:]) == 4_000)
        let last = try await upload.append(Array(bytes[4_000...]), at: 4_000, complete: true)
        #expect(last.status == 201, "\(last.summary)")
        try await world.expect(of: job, is: bytes)
        let (other, _) = try await Self.link(world, try await world.newJob())
        let wrong = location.replacing(target, with: other)
        #expect(try await world.service.client.request("HEAD", wrong).status == 404)
    }

    @Test("what was begun in its time is finished past it, and nothing is begun then")
    func expired() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let (_, bearer) = try await Self.link(world, job, ["ttl_seconds": 4])
        let reply = try await Self.begin(world, bearer)
        let upload = Upload(
            client: world.service.client, target: try World.target(of: try #require(reply.header("Location"))),
            credentials: bearer)
        #expect(try await upload.patch(Array(sound(10_000)[..<5_000]), at: 0).status == 204)
        let isOver = try await eventually { try await Self.begin(world, bearer).status == 410 }
        #expect(isOver)
        #expect(try await upload.offset() == 5_000)
        #expect(try await upload.patch(Array(sound(10_000)[5_000...]), at: 5_000).status == 204)
        try await world.expect(of: job, is: sound(10_000))
    }

    @Test("revoked, or its job gone, it authorizes nothing any more")
    func revoked() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let (_, bearer) = try await Self.link(world, job)
        let reply = try await Self.begin(world, bearer)
        let upload = Upload(
            client: world.service.client, target: try World.target(of: try #require(reply.header("Location"))),
            credentials: bearer)
        #expect(try await upload.patch(Array(sound(10_000)[..<5_000]), at: 0).status == 204)
        #expect(try await world.send("DELETE", job.path("links"), as: .user(job.user)).status == 204)
        expectRefusal(try await upload.head(), 404)
        expectRefusal(try await upload.patch(Array(sound(10_000)[5_000...]), at: 5_000), 404)
        expectRefusal(try await Self.begin(world, bearer), 404)
    }

    @Test("a link revoked while the last bytes are on their way publishes nothing")
    func revokedMeanwhile() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let (_, bearer) = try await Self.link(world, job)
        let reply = try await Self.begin(world, bearer)
        let upload = Upload(
            client: world.service.client, target: try World.target(of: try #require(reply.header("Location"))),
            credentials: bearer)
        let bytes = sound(10_000)
        let connection = try await upload.stall(Array(bytes[..<9_000]), of: 10_000, at: 0)
        try await Task.sleep(for: .milliseconds(200))
        #expect(try await world.send("DELETE", job.path("links"), as: .user(job.user)).status == 204)
        try await connection.send(Array(bytes[9_000...]))
        expectRefusal(try await connection.read(to: "PATCH"), 404)
        #expect(try await world.get("input", of: job).status == 404)
    }

    @Test("a link that works once makes one object, however many uploads it opened")
    func once() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let (target, bearer) = try await Self.link(world, job, ["once": true])
        var uploads: [Upload] = []
        for _ in 0..<2 {
            let reply = try await Self.begin(world, bearer)
            uploads.append(
                Upload(
                    client: world.service.client,
                    target: try World.target(of: try #require(reply.header("Location"))), credentials: bearer))
        }
        #expect(try await uploads[0].patch(sound(10_000), at: 0).status == 204)
        #expect(try await world.send("DELETE", job.path("input"), as: .user(job.user)).status == 204)
        expectRefusal(try await uploads[1].patch(sound(10_000, seed: 2), at: 0), 410)
        expectRefusal(try await Self.begin(world, bearer), 410)
        #expect(try await world.service.client.request("PUT", target, body: .bytes(sound(100))).status == 410)
        #expect(try await world.get("input", of: job).status == 404)
    }

    @Test("max_bytes bounds what comes by it")
    func bounded() async throws {
        let world = try await BucketKind.directory.shared()
        let (_, bearer) = try await Self.link(world, try await world.newJob(), ["max_bytes": 9_999])
        expectRefusal(try await Self.begin(world, bearer), 413)
        let reply = try await Self.begin(world, bearer, ["Upload-Defer-Length": "1"])
        let upload = Upload(
            client: world.service.client, target: try World.target(of: try #require(reply.header("Location"))),
            credentials: bearer)
        expectRefusal(try await upload.patch(sound(10_000), at: 0), 413)
        expectRefusal(try await upload.patch(sound(10_000), at: 0, chunked: true), 413)
        #expect(try await upload.offset() == 0)
    }
}
