import CustodeTesting
import Foundation
import Testing

@Suite("tus 1.0.0: the core protocol and creation")
struct TusTests {
    @Test("an upload in several requests becomes the object", arguments: BucketKind.allCases)
    func several(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(300_000)
        let upload = try await world.begin(bytes.count, of: job)
        var offset = 0
        for size in [5, 1, 4_000, 90, 100_000, 300_000] {
            let piece = Array(bytes[offset..<min(offset + size, bytes.count)])
            let reply = try await upload.patch(piece, at: offset)
            offset += piece.count
            #expect(reply.status == 204 && reply.header("Upload-Offset") == String(offset), "\(reply.summary)")
            #expect((reply.header("Custode-Object") != nil) == (offset == bytes.count))
            #expect(try await upload.offset() == offset)
        }
        try await world.expect(of: job, is: bytes)
        let key = World.key(user: job.user, job: job.id, "input/original.wav")
        #expect(try await world.reference("input", of: job) == key)
    }

    @Test("the last reply, and HEAD from then on, name the object")
    func object() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let upload = try await world.begin(1_000, of: job)
        let reply = try await upload.patch(sound(1_000), at: 0)
        let url = try #require(reply.header("Custode-Object"))
        #expect(try World.target(of: url) == job.path("input"))
        #expect(try await upload.head().header("Custode-Object") == url)
    }

    @Test("every reply carries Tus-Resumable, refusals too")
    func version() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let upload = try await world.begin(1_000, of: job)
        expectRefusal(try await upload.patch([1], at: 5), 409)
        expectRefusal(try await world.create([:], as: .stranger), 401)
        expectRefusal(try await world.create(["Upload-Length": "5"], as: .alice), 400)
        #expect(try await upload.head().header("Tus-Resumable") == "1.0.0")
    }

    @Test(
        "another version is 412 with the one that is spoken, and nothing is done", arguments: ["0.2.2", "1.0.1", nil])
    func otherVersion(text: String?) async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let version: HeaderList = if let text { ["Tus-Resumable": text] } else { [:] }
        let fields = metadata(["job": job.id, "object": "input"]) + ["Upload-Length": "1000"]
        let reply = try await world.send("POST", "/v1/uploads", headers: version + fields)
        expectRefusal(reply, 412)
        #expect(reply.header("Tus-Version") == "1.0.0" && reply.header("Location") == nil)
    }

    @Test("OPTIONS tells what is spoken, to anybody, whatever version is asked for")
    func options() async throws {
        let world = try await BucketKind.directory.shared()
        let reply = try await world.send("OPTIONS", "/v1/uploads", as: .stranger, headers: ["Tus-Resumable": "0.1"])
        #expect(reply.status == 204 && reply.header("Tus-Version") == "1.0.0")
        let extensions = Set((reply.header("Tus-Extension") ?? "").split(separator: ",").map(String.init))
        #expect(
            extensions == [
                "creation", "creation-with-upload", "creation-defer-length", "expiration", "checksum", "termination",
                "concatenation",
            ])
        #expect(reply.header("Tus-Checksum-Algorithm") == "sha1,sha256")
        #expect(reply.header("Tus-Max-Size").flatMap { Int($0) } == 5 << 30)
    }

    @Test("HEAD tells offset, length and metadata as they were sent, and is not to be kept")
    func head() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let raw = "job \(Data(job.id.utf8).base64EncodedString()) , object aW5wdXQ=,empty,filename YS53YXY="
        let reply = try await world.create(["Upload-Length": "1000", "Upload-Metadata": raw])
        let head = try await world.upload(reply).head()
        #expect(head.status == 200 && head.header("Cache-Control") == "no-store")
        #expect(head.header("Upload-Offset") == "0" && head.header("Upload-Length") == "1000")
        #expect(head.header("Upload-Metadata") == raw && head.header("Upload-Expires") != nil)
    }

    @Test("an upload that is not there is 404 without an offset", arguments: ["aaaaaaaaaaaaaaaaaaaaaaaaaa", "x", ""])
    func absent(id: String) async throws {
        let world = try await BucketKind.directory.shared()
        let reply = try await world.send("HEAD", "/v1/uploads/\(id)", headers: tus)
        #expect(reply.status == 404 && reply.header("Upload-Offset") == nil)
    }

    @Test("a PATCH needs its content type and an offset that is a number")
    func patchFields() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await world.begin(1_000, of: try await world.newJob())
        for type in ["application/octet-stream", "application/partial-upload", "text/plain"] {
            let reply = try await upload.client.request(
                "PATCH", upload.target,
                headers: upload.credentials + tus + ["Content-Type": type, "Upload-Offset": "0"], body: .bytes([1]))
            expectRefusal(reply, 415)
        }
        for offset in ["-1", "x", "", "0x1", "1.5", "99999999999999999999"] {
            let fields: HeaderList = ["Content-Type": "application/offset+octet-stream", "Upload-Offset": offset]
            let reply = try await upload.client.request(
                "PATCH", upload.target, headers: upload.credentials + tus + fields, body: .bytes([1]))
            expectRefusal(reply, 400)
        }
        #expect(try await upload.offset() == 0)
    }

    @Test("another offset is 409 with the right one, and nothing is touched", arguments: BucketKind.allCases)
    func wrongOffset(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let upload = try await world.begin(10_000, of: try await world.newJob())
        let bytes = sound(10_000)
        #expect(try await upload.patch(Array(bytes[..<5_000]), at: 0).status == 204)
        for offset in [0, 4_999, 5_001, 10_000] {
            let reply = try await upload.patch([1, 2, 3], at: offset)
            expectRefusal(reply, 409)
            #expect(reply.header("Upload-Offset") == "5000")
        }
        #expect(try await upload.patch(Array(bytes[5_000...]), at: 5_000).status == 204)
    }

    @Test(
        "a body past the length is 413, and nothing of it is kept", arguments: BucketKind.allCases, [true, false])
    func pastLength(kind: BucketKind, isChunked: Bool) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(20_000)
        let upload = try await world.begin(20_000, of: job)
        #expect(try await upload.patch(Array(bytes[..<10_000]), at: 0).status == 204)
        expectRefusal(
            try await upload.patch(Array(bytes[10_000...]) + [1], at: 10_000, chunked: isChunked), 413)
        #expect(try await upload.offset() == 10_000)
        #expect(try await upload.patch(Array(bytes[10_000...]), at: 10_000, chunked: isChunked).status == 204)
        try await world.expect(of: job, is: bytes)
    }

    @Test("no bytes at the right offset are 204, on a finished upload too")
    func empty() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await world.begin(1_000, of: try await world.newJob())
        #expect(try await upload.patch([], at: 0).status == 204)
        #expect(try await upload.patch(sound(1_000), at: 0).status == 204)
        let reply = try await upload.patch([], at: 1_000)
        #expect(reply.status == 204 && reply.header("Custode-Object") != nil)
        expectRefusal(try await upload.patch([1], at: 1_000), 413)
    }

    @Test("the method may be named in X-HTTP-Method-Override, and counts before anything else")
    func methodOverride() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let upload = try await world.begin(1_000, of: job)
        let fields: HeaderList = [
            "X-HTTP-Method-Override": "PATCH", "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0",
        ]
        let reply = try await upload.client.request(
            "POST", upload.target, headers: upload.credentials + tus + fields, body: .bytes(sound(1_000)))
        #expect(reply.status == 204 && reply.header("Upload-Offset") == "1000", "\(reply.summary)")
        let asOptions = try await world.send(
            "POST", "/v1/uploads", as: .stranger, headers: ["X-HTTP-Method-Override": "OPTIONS"])
        #expect(asOptions.status == 204 && asOptions.header("Tus-Version") == "1.0.0")
        let elsewhere = try await world.send("GET", job.path("input"), headers: ["X-HTTP-Method-Override": "DELETE"])
        #expect(elsewhere.status == 200, "nowhere else")
    }

    @Test("Expect: 100-continue is answered once the upload is known to want the bytes")
    func expectContinue() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await world.begin(5_000_000, of: try await world.newJob())
        let connection = try await RawConnection.open(port: upload.client.port)
        let fields: HeaderList = [
            "Content-Type": "application/offset+octet-stream", "Upload-Offset": "0", "Expect": "100-continue",
            "Content-Length": "1000",
        ]
        try await connection.send(
            upload.client.head("PATCH", upload.target, headers: upload.credentials + tus + fields, body: .raw([])))
        #expect(try await connection.readInterim() == 100)
        try await connection.send(sound(1_000))
        #expect(try await connection.read(to: "PATCH").status == 204)
        let refused = try await upload.client.request(
            "PATCH", upload.target,
            headers: upload.credentials + tus + fields + ["X-Other": "1"], body: .raw([]))
        expectRefusal(refused, 409)
        #expect(refused.interim.isEmpty, "nobody was invited to send")
    }
}
