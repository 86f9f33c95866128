import CustodeTesting
import Foundation
import Testing

@Suite("What may be uploaded, for how long, and what becomes of the rest")
struct UploadLimitTests {
    private static let hasty = [
        "CUSTODE_POLICY_UPLOADS_EXPIRES": "2s", "CUSTODE_POLICY_COLLECTION_WORKER_POLL": "200ms",
        "CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "1s",
    ]

    @Test("as many uploads of a user are open as the policy says, then 429")
    func mostOpen() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_UPLOADS_MAX_OPEN_PER_USER": "3"])
        var uploads: [Upload] = []
        for _ in 0..<3 { uploads.append(try await world.begin(1_000, of: try await world.newJob())) }
        let fields = metadata(["job": try await world.newJob().id, "object": "input"]) + ["Upload-Length": "1000"]
        let reply = try await world.create(fields)
        expectRefusal(reply, 429)
        #expect(reply.header("Retry-After") != nil)
        #expect(try await world.begin(1_000, of: try await world.newJob(for: world.bob)).head().status == 200)
        #expect(try await uploads[0].delete().status == 204)
        #expect(try await world.create(fields).status == 201)
        #expect(try await uploads[1].patch(sound(1_000), at: 0).status == 204)
        _ = try await world.begin(1_000, of: try await world.newJob())
    }

    @Test("as many bytes of a user come in a day as the policy says, then 429")
    func mostBytes() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_UPLOADS_MAX_BYTES_PER_USER_PER_DAY": "5000"])
        let upload = try await world.begin(3_000, of: try await world.newJob())
        #expect(try await upload.patch(sound(3_000), at: 0).status == 204)
        let names = metadata(["job": try await world.newJob().id, "object": "input"])
        expectRefusal(try await world.create(names + ["Upload-Length": "2001"]), 429)
        #expect(try await world.create(names + ["Upload-Length": "2000"]).status == 201)
    }

    @Test("a length that is told later, or never, is no way around that")
    func mostBytesDeferred() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_UPLOADS_MAX_BYTES_PER_USER_PER_DAY": "5000"])
        let job = try await world.newJob()
        let upload = try await world.begin(nil, of: job)
        #expect(try await upload.patch(Array(sound(5_000)[..<3_000]), at: 0).status == 204)
        expectRefusal(try await upload.patch([UInt8](repeating: 1, count: 2_001), at: 3_000), 429)
        expectRefusal(try await upload.patch([UInt8](repeating: 1, count: 2_001), at: 3_000, chunked: true), 429)
        expectRefusal(try await upload.patch([1], at: 3_000, ["Upload-Length": "5001"]), 429)
        #expect(try await upload.offset() == 3_000)
        let rest = Array(sound(5_000)[3_000...])
        #expect(try await upload.patch(rest, at: 3_000, ["Upload-Length": "5000"]).status == 204)
        try await world.expect(of: job, is: sound(5_000))
    }

    @Test("an upload that rests too long is 410, its bytes go, and its name is free", arguments: BucketKind.allCases)
    func expired(kind: BucketKind) async throws {
        let world = try await kind.world(Self.hasty)
        let job = try await world.newJob()
        let upload = try await world.begin(20_000_000, of: job)
        #expect(try await upload.patch(sound(9_000_000), at: 0).status == 204)
        let part = try await world.partial(sound(1_000))
        let expires = try #require(try await upload.head().header("Upload-Expires"))
        #expect(expires.hasSuffix(" GMT"))
        let isOver = try await eventually { try await upload.head().status == 410 }
        #expect(isOver)
        expectRefusal(try await upload.patch([1], at: 9_000_000), 410)
        let isGone = try await eventually {
            let left = try await world.kept(of: upload, job) + world.kept(of: part, job)
            return left.isEmpty
        }
        #expect(isGone)
        let intents = try await eventually {
            try await world.database.value("select count(*) from custode.upload_intents") == "0"
        }
        #expect(intents)
        // What ended is remembered for as long again, then not even that.
        let isForgotten = try await eventually { try await upload.head().status == 404 }
        #expect(isForgotten)
    }

    @Test("every request that appends gives an upload new time")
    func sliding() async throws {
        let world = try await World.start(settings: Self.hasty)
        let job = try await world.newJob()
        let bytes = sound(50_000)
        let upload = try await world.begin(bytes.count, of: job)
        for offset in stride(from: 0, to: 50_000, by: 10_000) {
            #expect(try await upload.patch(Array(bytes[offset..<offset + 10_000]), at: offset).status == 204)
            if offset < 40_000 { try await Task.sleep(for: .milliseconds(900)) }
        }
        try await world.expect(of: job, is: bytes)
    }

    @Test("I11 an upload open through a whole sweep survives", arguments: BucketKind.allCases)
    func survivesSweep(kind: BucketKind) async throws {
        let world = try await kind.world([
            "CUSTODE_POLICY_COLLECTION_RUNS_APART": "0s", "CUSTODE_POLICY_COLLECTION_GRACE": "0s",
            "CUSTODE_POLICY_COLLECTION_BRAKES_PERCENT": "100", "CUSTODE_POLICY_COLLECTION_BRAKES_USERS": "1000",
            "CUSTODE_POLICY_COLLECTION_INTENT_LEASE": "1s",
        ])
        _ = try await world.jobWithInput()
        let job = try await world.newJob()
        let bytes = sound(20_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        #expect(try await upload.patch(Array(bytes[..<9_000_000]), at: 0).status == 204)
        let part = try world.upload(
            try await world.create(
                ["Upload-Concat": "partial", "Upload-Length": "9000000"], body: Array(bytes[..<8_500_000])))
        for later in ["+1m", "+30h", "+60h"] {
            let run = try await world.service.run("gc", "--now", later, "--json")
            #expect(run.status == 0, "\(run.output) \(run.errors)")
        }
        #expect(try await upload.patch(Array(bytes[9_000_000...]), at: 9_000_000).status == 204)
        try await world.expect(of: job, is: bytes)
        #expect(try await part.patch(Array(bytes[8_500_000..<9_000_000]), at: 8_500_000).status == 204)
    }

    @Test("a type that is refused is refused before a byte of it is in the bucket", arguments: BucketKind.allCases)
    func refused(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let page = Array(String(repeating: "<!DOCTYPE html><html><script>x</script>", count: 1_000).utf8)
        let upload = try await world.begin(page.count, of: job)
        for offset in [0, 1_000] {
            #expect(try await upload.patch(Array(page[offset..<offset + 1_000]), at: offset).status == 204)
        }
        #expect(try await world.kept(of: upload, job).isEmpty, "not judged yet, not in the bucket yet")
        expectRefusal(try await upload.patch(Array(page[2_000...]), at: 2_000), 415)
        expectRefusal(try await upload.head(), 410)
        #expect(try await world.kept(of: upload, job).isEmpty)
        #expect(try await world.get("input", of: job).status == 404)
    }

    @Test("text is judged to its last byte, across requests", arguments: BucketKind.allCases)
    func text(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let good = Array(String(repeating: "naïve ☃ ", count: 1_000).utf8)
        let upload = try await world.begin(good.count, "transcript", of: job)
        // Cut within characters.
        for (start, end) in [(0, 3), (3, 9), (9, 5_001), (5_001, good.count)] {
            #expect(try await upload.patch(Array(good[start..<end]), at: start).status == 204)
        }
        try await world.expect("transcript", of: job, is: good)
        let bad = Array(good.dropLast(4)) + [0xE2, 0x98]
        let second = try await world.begin(bad.count, "translation", of: job)
        #expect(try await second.patch(Array(bad.dropLast()), at: 0).status == 204)
        expectRefusal(try await second.patch([0x98], at: bad.count - 1), 415)
        #expect(try await world.get("translation", of: job).status == 404)
    }
}
