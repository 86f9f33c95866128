import CustodeTesting
import Foundation
import Testing

@Suite("tus 1.0.0: its extensions")
struct TusExtensionTests {
    @Test(
        "a creation that contradicts itself is 400",
        arguments: [
            [:], ["Upload-Length": "5", "Upload-Defer-Length": "1"], ["Upload-Defer-Length": "2"],
            ["Upload-Length": "-1"], ["Upload-Length": "x"], ["Upload-Concat": "half"],
            ["Upload-Concat": "final;"], ["Upload-Concat": "final;/v1/uploads/x"],
        ] as [HeaderList])
    func badCreation(fields: HeaderList) async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        expectRefusal(try await world.create(fields + metadata(["job": job.id, "object": "input"])), 400)
    }

    @Test(
        "metadata that cannot be read is 400",
        arguments: ["job !!!", "job aGk", "job aGk=,job aGk=", ",", "job aGk= x", "job aGk=,,object aW5wdXQ="])
    func badMetadata(text: String) async throws {
        let world = try await BucketKind.directory.shared()
        expectRefusal(try await world.create(["Upload-Length": "5", "Upload-Metadata": text]), 400)
    }

    @Test("metadata may be empty, which for a partial upload is enough")
    func emptyMetadata() async throws {
        let world = try await BucketKind.directory.shared()
        let fields: HeaderList = ["Upload-Length": "5", "Upload-Metadata": "", "Upload-Concat": "partial"]
        #expect(try await world.create(fields).status == 201)
        expectRefusal(try await world.create(["Upload-Length": "5", "Upload-Metadata": ""]), 400)
    }

    @Test("a job or object that is not there, or is another's, is 404; one that exists is 409")
    func targets() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.jobWithInput()
        let length: HeaderList = ["Upload-Length": "5"]
        expectRefusal(try await world.create(length + metadata(["job": job.id, "object": "input"])), 409)
        expectRefusal(try await world.create(length + metadata(["job": job.id, "object": "nothing"])), 404)
        expectRefusal(try await world.create(length + metadata(["job": "no-job", "object": "input"])), 404)
        expectRefusal(
            try await world.create(length + metadata(["job": job.id, "object": "transcript"]), as: .bob), 404)
    }

    @Test("a length beyond the policy is 413 at once")
    func tooLong() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let fields: HeaderList = ["Upload-Length": String((5 << 30) + 1)]
        expectRefusal(try await world.create(fields + metadata(["job": job.id, "object": "input"])), 413)
    }

    @Test("bytes that come with the creation count", arguments: BucketKind.allCases)
    func withUpload(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(20_000)
        let names = metadata(["job": job.id, "object": "input"])
        let reply = try await world.create(names + ["Upload-Length": "20000"], body: Array(bytes[..<9_000]))
        #expect(reply.status == 201 && reply.header("Upload-Offset") == "9000", "\(reply.summary)")
        let upload = try world.upload(reply)
        #expect(try await upload.patch(Array(bytes[9_000...]), at: 9_000).status == 204)
        try await world.expect(of: job, is: bytes)
        let other = try await world.newJob()
        let whole = try await world.create(
            metadata(["job": other.id, "object": "input"]) + ["Upload-Length": "20000"], body: bytes)
        #expect(whole.status == 201 && whole.header("Custode-Object") != nil, "\(whole.summary)")
        try await world.expect(of: other, is: bytes)
    }

    @Test("no length at all is complete at once: valid for text, 415 for media", arguments: BucketKind.allCases)
    func nothing(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let fields: HeaderList = ["Upload-Length": "0"]
        let reply = try await world.create(fields + metadata(["job": job.id, "object": "transcript"]))
        #expect(reply.status == 201 && reply.header("Custode-Object") != nil, "\(reply.summary)")
        try await world.expect("transcript", of: job, is: [])
        expectRefusal(try await world.create(fields + metadata(["job": job.id, "object": "input"])), 415)
    }

    @Test("a length may be told later, once", arguments: BucketKind.allCases)
    func deferred(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(20_000)
        let upload = try await world.begin(nil, of: job)
        #expect(try await upload.head().header("Upload-Defer-Length") == "1")
        #expect(try await upload.patch(Array(bytes[..<8_000]), at: 0).status == 204)
        expectRefusal(try await upload.patch([1], at: 8_000, ["Upload-Length": "7999"]), 400)
        expectRefusal(try await upload.patch([1], at: 8_000, ["Upload-Length": String((5 << 30) + 1)]), 413)
        #expect(try await upload.patch([bytes[8_000]], at: 8_000, ["Upload-Length": "20000"]).status == 204)
        expectRefusal(try await upload.patch([1], at: 8_001, ["Upload-Length": "20001"]), 400)
        let head = try await upload.head()
        #expect(head.header("Upload-Length") == "20000" && head.header("Upload-Defer-Length") == nil)
        #expect(try await upload.patch(Array(bytes[8_001...]), at: 8_001).status == 204)
        try await world.expect(of: job, is: bytes)
    }

    @Test("a wrong checksum is 460 and nothing is kept; an unknown algorithm is 400", arguments: BucketKind.allCases)
    func checksum(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(9_000_000)
        let upload = try await world.begin(bytes.count, of: job)
        #expect(try await upload.patch(Array(bytes[..<100]), at: 0).status == 204)
        let rest = Array(bytes[100...])
        let right = Data(SHA256.digest(rest)).base64EncodedString()
        let wrong = Data(SHA256.digest(bytes)).base64EncodedString()
        expectRefusal(try await upload.patch(rest, at: 100, ["Upload-Checksum": "sha256 \(wrong)"]), 460)
        #expect(try await upload.offset() == 100)
        for field in ["md5 \(wrong)", "SHA1 \(wrong)", "sha1", "sha1 !", "", "sha1  \(wrong)"] {
            expectRefusal(try await upload.patch(rest, at: 100, ["Upload-Checksum": field]), 400)
        }
        #expect(try await upload.offset() == 100)
        // SHA-1 of "abc" (FIPS 180-4), of other bytes.
        let sha1 = "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="
        expectRefusal(try await upload.patch(rest, at: 100, ["Upload-Checksum": "sha1 \(sha1)"]), 460)
        #expect(try await upload.patch(rest, at: 100, ["Upload-Checksum": "sha256 \(right)"]).status == 204)
        try await world.expect(of: job, is: bytes)
    }

    @Test("a checksummed body that breaks off leaves the offset where it was")
    func brokenChecksum() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await world.begin(10_000, of: try await world.newJob())
        let connection = try await RawConnection.open(port: upload.client.port)
        let fields: HeaderList = [
            "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", "Content-Length": "10000",
            "Upload-Checksum": "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        ]
        try await connection.send(
            upload.client.head("PATCH", upload.target, headers: upload.credentials + tus + fields, body: .raw([]))
                + sound(5_000))
        connection.close()
        #expect(try await upload.offset() == 0)
    }

    @Test(
        "a body that its checksum shows to be spoilt ends nothing, whatever it looks like",
        arguments: ["input", "json"])
    func spoilt(object: String) async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let bytes =
            object == "input" ? sound(10_000) : Array(#"{"text": "\#(String(repeating: "naïve ", count: 900))"}"#.utf8)
        let upload = try await world.begin(bytes.count, object, of: job)
        let right: HeaderList = ["Upload-Checksum": "sha256 " + Data(SHA256.digest(bytes)).base64EncodedString()]
        // Neither sound nor text.
        let spoilt = Array(repeating: UInt8(ascii: "#"), count: bytes.count - 1) + [0xFF]
        expectRefusal(try await upload.patch(spoilt, at: 0, right), 460)
        #expect(try await upload.offset() == 0)
        let connection = try await RawConnection.open(port: upload.client.port)
        let fields: HeaderList = [
            "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0",
            "Content-Length": String(bytes.count),
        ]
        let head = upload.client.head(
            "PATCH", upload.target, headers: upload.credentials + tus + fields + right, body: .raw([]))
        try await connection.send(head + spoilt.suffix(5_000))
        connection.close()
        #expect(try await upload.offset() == 0)
        #expect(try await upload.patch(bytes, at: 0, right).status == 204)
        try await world.expect(object, of: job, is: bytes)
        // What it says is so is judged as ever.
        let other = try await world.begin(spoilt.count, object, of: try await world.newJob())
        let its = "sha256 " + Data(SHA256.digest(spoilt)).base64EncodedString()
        expectRefusal(try await other.patch(spoilt, at: 0, ["Upload-Checksum": its]), 415)
        expectRefusal(try await other.head(), 410)
    }

    @Test("DELETE gives an upload up and leaves nothing of it", arguments: BucketKind.allCases)
    func terminated(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let upload = try await world.begin(20_000_000, of: job)
        #expect(try await upload.patch(sound(9_000_000), at: 0).status == 204)
        #expect(try await upload.delete().status == 204)
        for _ in 0..<2 { expectRefusal(try await upload.head(), 410) }
        expectRefusal(try await upload.patch([1], at: 9_000_000), 410)
        expectRefusal(try await upload.delete(), 410)
        #expect(try await world.kept(of: upload, job).isEmpty)
        // The name is free again.
        let bytes = sound(1_000)
        #expect(try await world.begin(1_000, of: job).patch(bytes, at: 0).status == 204)
        #expect(
            try await world.reference("input", of: job)
                == World.key(user: job.user, job: job.id, "input/original.wav"))
    }

    @Test("DELETE of a finished upload leaves the object", arguments: BucketKind.allCases)
    func terminatedLate(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(1_000)
        let upload = try await world.begin(1_000, of: job)
        #expect(try await upload.patch(bytes, at: 0).status == 204)
        #expect(try await upload.delete().status == 204)
        expectRefusal(try await upload.head(), 410)
        try await world.expect(of: job, is: bytes)
    }
}

extension World {
    /// What the bucket keeps of an upload that is no object.
    func kept(of upload: Upload, _ job: TestJob) async throws -> [String] {
        let id = upload.target.split(separator: "/").last.map(String.init) ?? ""
        if let s3 {
            let parts = try await s3.uploads().map(\.key).filter { $0.contains(id) || $0.contains(job.id) }
            return try await s3.keys(".custode/uploads/\(id)") + parts
        }
        if supabase != nil { return try supabaseKeys(".custode/uploads/\(id)") }
        return TestFolder.files(below: bucket + "/.custode/uploads").keys.filter { $0.contains(id) }
    }
}
