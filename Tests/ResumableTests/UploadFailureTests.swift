import CustodeTesting
import Foundation
import Testing

/// The ways in which other services lost bytes of resumable uploads, each tried here.
@Suite("Failures that others are known for", .timeLimit(.minutes(5)))
struct UploadFailureTests {
    /// A world whose requests to the bucket go by way of a proxy.
    private static func behindProxy(_ settings: [String: String] = [:]) async throws -> (
        world: World, proxy: FaultProxy
    ) {
        let proxy = try FaultProxy(to: try await PrivateRGW.shared().port)
        return (try await World.startOnS3(settings: settings, endpoint: proxy.url), proxy)
    }

    private static let failure = CannedResponse.s3Error(500, "InternalError")

    @Test("A: a part in the middle that fails leaves no gap: the offset counts what is there without one")
    func middlePart() async throws {
        let (world, proxy) = try await Self.behindProxy()
        let job = try await world.newJob()
        let bytes = sound(45_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        for _ in 0..<3 {
            let offset = try #require(try await upload.offset())
            // The next but one: those before and behind it succeed.
            let next = try await world.database.value("select next_number from custode.uploads")
            let middle = (next.flatMap { Int($0) } ?? 1) + 1
            proxy.answer(matching: "partNumber=\(middle)&", with: Self.failure)
            let reply = try? await upload.patch(Array(bytes[offset...]), at: offset)
            #expect(reply?.status == 503, "\(reply?.summary ?? "no reply")")
            try proxy.clear()
            #expect(try await upload.offset() == offset + 8 << 20, "the part before it counts")
        }
        let offset = try #require(try await upload.offset())
        let last = try await upload.patch(Array(bytes[offset...]), at: offset)
        #expect(last.status == 204, "\(last.summary) \(world.service.log.suffix(1500))")
        try await world.expect(of: job, is: bytes)
        // What had to be put together on the way is gone too.
        let left = try await world.objects.keys()
        #expect(left.filter { $0.contains(job.id) }.count == 1, "\(left)")
        #expect(try await world.kept(of: upload, job).isEmpty)
    }

    @Test("B: what was acknowledged stays, when what comes behind it cannot be stored")
    func tail() async throws {
        let (world, proxy) = try await Self.behindProxy()
        let job = try await world.newJob()
        let bytes = sound(12_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        var offset = 0
        for step in 0..<12 {
            let piece = Array(bytes[offset..<offset + 1_000_000])
            if step % 2 == 1 {
                proxy.answer(matching: "PUT ", with: Self.failure)
                let reply = try await upload.patch(piece, at: offset)
                #expect(reply.status == 503, "\(reply.summary)")
                try proxy.clear()
                #expect(try await upload.offset() == offset)
            }
            #expect(try await upload.patch(piece, at: offset).status == 204)
            offset += piece.count
        }
        try await world.expect(of: job, is: bytes)
    }

    @Test("C: parts that the bucket lost are never taken for an object")
    func lostParts() async throws {
        let world = try await World.startOnS3()
        let job = try await world.newJob()
        let bytes = sound(20_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        #expect(try await upload.patch(Array(bytes[..<10_000_000]), at: 0).status == 204)
        let objects = try world.objects
        for open in try await objects.uploads() { try await objects.abort(open) }
        let reply = try await upload.patch(Array(bytes[10_000_000...]), at: 10_000_000)
        #expect(reply.status == 503, "\(reply.summary)")
        #expect(try await world.get("input", of: job).status == 404)
    }

    @Test("D: requests of any size make parts of one size, and no more of them than there may be")
    func partSizes() async throws {
        let world = try await World.startOnS3()
        let job = try await world.newJob()
        let bytes = sound(26_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        var offset = 0
        while offset < bytes.count {
            let end = min(offset + 700_001, bytes.count)
            #expect(try await upload.patch(Array(bytes[offset..<end]), at: offset).status == 204)
            offset = end
            let rows = try await world.database.sql(
                "select size from custode.upload_parts where tag is not null and first + size < \(bytes.count)")
            #expect(Set(rows.compactMap { $0[0] }).isSubset(of: ["8388608"]), "\(rows)")
        }
        try await world.expect(of: job, is: bytes)
        #expect(try await world.kept(of: upload, job).isEmpty)
    }

    @Test("at most three requests to the bucket for a PATCH of 1 MiB, on the whole")
    func requestsEach() async throws {
        let (world, proxy) = try await Self.behindProxy()
        let job = try await world.newJob()
        let bytes = sound(60 << 20)
        let upload = try await world.begin(bytes.count, of: job)
        proxy.forgetRequests()
        for offset in stride(from: 0, to: bytes.count, by: 1 << 20) {
            #expect(try await upload.patch(Array(bytes[offset..<offset + 1 << 20]), at: offset).status == 204)
        }
        let count = proxy.requestLines.count
        #expect(count <= 3 * 60, "\(count) requests for 60 PATCHes")
        try await world.expect(of: job, is: bytes)
    }

    @Test("F: a publication whose reply is lost is finished by whoever asks, and its answer is the same for all")
    func lostCompletion() async throws {
        let (world, proxy) = try await Self.behindProxy(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "1h"])
        let job = try await world.newJob()
        let bytes = sound(9_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        proxy.answer(matching: "?uploadId=", with: Self.failure)
        let reply = try await upload.patch(bytes, at: 0)
        #expect(reply.status == 503, "\(reply.summary)")
        #expect(try await upload.head().status == 503, "nobody is told that it is there before it is")
        #expect(try await world.get("input", of: job).status == 404)
        try proxy.clear()
        let head = try await upload.head()
        #expect(head.status == 200 && head.header("Upload-Offset") == "9000000", "\(head.summary)")
        #expect(head.header("Custode-Object") != nil)
        let again = try await upload.patch([], at: 9_000_000)
        #expect(again.status == 204 && again.header("Custode-Object") == head.header("Custode-Object"))
        try await world.expect(of: job, is: bytes)
    }

    @Test("F: what nobody asks for again is finished all the same", arguments: BucketKind.allCases)
    func recovery(kind: BucketKind) async throws {
        let world = try await kind.world(["CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms"])
        let job = try await world.newJob()
        let bytes = sound(9_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        // The last transaction cannot be made while somebody has the job's row.
        let session = try world.database.session()
        try await session.run("begin; select from jobs where id = \(TestDatabase.quote(job.id)) for update")
        let reply = try await upload.patch(bytes, at: 0)
        #expect(reply.status == 503, "\(reply.summary)")
        try await session.end()
        let isThere = try await eventually { try await world.get("input", of: job).status == 200 }
        #expect(isThere)
        try await world.expect(of: job, is: bytes)
    }

    @Test("H: a service that is killed leaves no temporary file", arguments: BucketKind.allCases)
    func killed(kind: BucketKind) async throws {
        let world = try await kind.world()
        let job = try await world.newJob()
        let bytes = sound(30_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        #expect(try await upload.patch(Array(bytes[..<9_000_000]), at: 0).status == 204)
        let stalled = try await upload.stall(Array(bytes[9_000_000..<20_000_000]), of: 21_000_000, at: 9_000_000)
        try await world.service.kill9()
        stalled.close()
        let state = TestFolder.files(below: world.service.folder.path + "/state").filter { $0.value > 100_000 }
        #expect(state.isEmpty, "\(state)")
        try await world.service.start()
        let offset = try #require(try await upload.offset())
        #expect(offset >= 9_000_000)
        #expect(try await upload.patch(Array(bytes[offset...]), at: offset).status == 204)
        try await world.expect(of: job, is: bytes)
        let nothingIsKept = try await eventually { try await world.kept(of: upload, job).isEmpty }
        #expect(nothingIsKept)
    }
}

extension UploadFailureTests {
    @Test("A: the same in a partial upload, which is joined with another")
    func middlePartOfPartial() async throws {
        let (world, proxy) = try await Self.behindProxy()
        let job = try await world.newJob()
        let bytes = sound(45_000_000)
        let part = try world.upload(
            try await world.create(["Upload-Concat": "partial", "Upload-Length": String(bytes.count)]))
        proxy.answer(matching: "partNumber=2&", with: Self.failure)
        #expect(try await part.patch(bytes, at: 0).status == 503)
        try proxy.clear()
        let offset = try #require(try await part.offset())
        #expect(offset == 8 << 20)
        #expect(try await part.patch(Array(bytes[offset...]), at: offset).status == 204)
        let tail = try await world.partial(Sample.noise(1_000))
        let list = [part, tail].map(\.target).joined(separator: " ")
        let reply = try await world.create(
            ["Upload-Concat": "final;\(list)"] + metadata(["job": job.id, "object": "input"]))
        #expect(reply.status == 201, "\(reply.summary)")
        try await world.expect(of: job, is: bytes + Sample.noise(1_000))
    }
}
