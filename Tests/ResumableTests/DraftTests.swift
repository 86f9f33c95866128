import CustodeTesting
import Foundation
import Testing

@Suite("draft-ietf-httpbis-resumable-upload, interop version 8")
struct DraftTests {
    private static let version: HeaderList = ["Upload-Draft-Interop-Version": "8"]

    /// Begins an upload with bytes that are not the last.
    private static func begin(
        _ world: World, _ job: TestJob, _ bytes: [UInt8], _ headers: HeaderList = [:]
    ) async throws -> Upload {
        let reply = try await world.send(
            "PUT", job.path("input"), headers: ["Upload-Complete": "?0"] + headers, body: .bytes(bytes))
        return try world.upload(reply)
    }

    @Test("an upload in several requests becomes the object", arguments: BucketKind.allCases)
    func several(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(9_000_000)
        let upload = try await Self.begin(world, job, Array(bytes[..<100_000]))
        let head = try await upload.head([:])
        #expect(head.status == 204 && head.header("Cache-Control") == "no-store", "\(head.summary)")
        #expect(head.header("Upload-Offset") == "100000" && head.header("Upload-Complete") == "?0")
        #expect(head.header("Upload-Limit")?.contains("max-size=") == true && head.header("Upload-Length") == nil)
        let more = try await upload.append(Array(bytes[100_000..<8_900_000]), at: 100_000, complete: false)
        #expect(more.status == 204 && more.header("Upload-Complete") == "?0", "\(more.summary)")
        #expect(more.header("Upload-Offset") == "8900000")
        let last = try await upload.append(Array(bytes[8_900_000...]), at: 8_900_000, complete: true)
        #expect(last.status == 201 && last.header("Upload-Complete") == "?1", "\(last.summary)")
        #expect(last.json["sha256"].string == SHA256.hex(bytes) && last.header("ETag") == last.json["etag"].string)
        #expect(last.header("Custode-Object") != nil)
        try await world.expect(of: job, is: bytes)
        let done = try await upload.head([:])
        #expect(done.header("Upload-Complete") == "?1" && done.header("Upload-Length") == "9000000")
    }

    @Test("the final reply can be had again, by the request whose reply was lost, or an empty one")
    func replayed() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let bytes = sound(50_000)
        let upload = try await Self.begin(world, job, Array(bytes[..<40_000]))
        let first = try await upload.append(Array(bytes[40_000...]), at: 40_000, complete: true)
        let second = try await upload.append(Array(bytes[40_000...]), at: 40_000, complete: true)
        let third = try await upload.append([], at: 50_000, complete: true)
        for reply in [second, third] {
            #expect(reply.status == 201 && reply.json == first.json, "\(reply.summary)")
            #expect(reply.header("Upload-Complete") == "?1")
        }
    }

    @Test("104 with Location and limits comes before the body is read, to clients of version 8 alone")
    func interim() async throws {
        let world = try await BucketKind.directory.shared()
        let bytes = sound(20_000)
        for version in ["8", "7", "6", "3", nil] {
            let job = try await world.newJob()
            let named: HeaderList = if let version { ["Upload-Draft-Interop-Version": version] } else { [:] }
            let reply = try await world.send(
                "PUT", job.path("input"), headers: named + ["Upload-Complete": "?0"], body: .bytes(bytes))
            #expect(reply.status == 201, "\(reply.summary)")
            #expect(reply.interim == (version == "8" ? [104] : []), "\(reply.interim)")
        }
        let job = try await world.newJob()
        let connection = try await RawConnection.open(port: world.service.port)
        let fields = Self.version + ["Upload-Complete": "?1", "Content-Length": "20000", "Expect": "100-continue"]
        try await connection.send(
            world.service.client.head(
                "PUT", job.path("input"), headers: world.credentials(of: .alice) + fields, body: .raw([])))
        #expect(try await connection.readInterim() == 104)
        #expect(try await connection.readInterim() == 100, "which must not be left out for the other")
        try await connection.send(bytes)
        let reply = try await connection.read(to: "PUT")
        #expect(reply.status == 201 && reply.header("Upload-Complete") == "?1", "\(reply.summary)")
        try await world.expect(of: job, is: bytes)
    }

    @Test("a client that resets its connection, told where to go on or not yet, is no fault of the service's")
    func reset() async throws {
        let world = try await World.start()
        let job = try await world.newJob()
        let fields = Self.version + ["Upload-Complete": "?0", "Content-Length": "20000"]
        let hasGone = try await eventually {
            let connection = try await RawConnection.open(port: world.service.port)
            try await connection.send(
                world.service.client.head(
                    "PUT", job.path("input"), headers: world.credentials(of: .alice) + fields, body: .raw([])))
            connection.reset()
            return world.service.log.split(separator: "\n").count { $0.contains("the client went away") } >= 10
        }
        #expect(hasGone)
        try await world.close()
        let faults = world.service.log.split(separator: "\n").filter { $0.contains(#""level":"error""#) }
        #expect(faults == [])
    }

    @Test("what came of a body that broke off is gone on with")
    func broken() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let bytes = sound(200_000)
        let upload = try await Self.begin(world, job, [])
        let connection = try await RawConnection.open(port: world.service.port)
        let fields: HeaderList = [
            "Content-Type": "application/partial-upload", "Upload-Offset": "0", "Upload-Complete": "?1",
            "Content-Length": "200000",
        ]
        try await connection.send(
            upload.client.head("PATCH", upload.target, headers: upload.credentials + fields, body: .raw([]))
                + bytes[..<120_000])
        connection.finishSending()
        // Whoever asks sooner is told, rightly, of what had been taken by then: the body gives way to the question.
        #expect(try await connection.isClosed(within: .seconds(30)))
        #expect(try await upload.offset([:]) == 120_000)
        #expect(try await upload.head([:]).header("Upload-Complete") == "?0")
        let reply = try await upload.append(Array(bytes[120_000...]), at: 120_000, complete: true)
        #expect(reply.status == 201, "\(reply.summary)")
        try await world.expect(of: job, is: bytes)
    }

    @Test("an offset at the length does not complete; an empty request that says so does")
    func emptyCompletion() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let bytes = sound(5_000)
        let upload = try await Self.begin(world, job, bytes, ["Upload-Length": "5000"])
        #expect(try await upload.head([:]).header("Upload-Complete") == "?0")
        #expect(try await world.get("input", of: job).status == 404)
        #expect(try await upload.append([], at: 5_000, complete: true).status == 201)
        try await world.expect(of: job, is: bytes)
    }

    @Test("another offset is 409 with the right one, and a problem of the registered type")
    func wrongOffset() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await Self.begin(world, try await world.newJob(), sound(5_000))
        let reply = try await upload.append([1], at: 7, complete: false)
        #expect(reply.status == 409 && reply.header("Upload-Offset") == "5000", "\(reply.summary)")
        #expect(reply.header("Upload-Complete") == "?0")
        let type = "https://iana.org/assignments/http-problem-types#mismatching-upload-offset"
        #expect(reply.json["type"].string == type)
        #expect(reply.json["expected-offset"].int == 5_000 && reply.json["provided-offset"].int == 7)
    }

    @Test("lengths that do not agree are 400 with a problem of the registered type")
    func wrongLength() async throws {
        let world = try await BucketKind.directory.shared()
        let type = "https://iana.org/assignments/http-problem-types#inconsistent-upload-length"
        for complete in ["?0", "?1"] {
            let job = try await world.newJob()
            let headers: HeaderList = ["Upload-Complete": complete, "Upload-Length": "4999"]
            let reply = try await world.send("PUT", job.path("input"), headers: headers, body: .bytes(sound(5_000)))
            #expect(reply.status == 400 && reply.json["type"].string == type, "\(reply.summary)")
            #expect(reply.header("Upload-Limit") != nil && reply.header("Upload-Complete") == "?0")
        }
        let upload = try await Self.begin(
            world, try await world.newJob(), sound(5_000), ["Upload-Length": "6000"])
        for (count, complete, length) in [(10, true, nil), (1_000, false, "7000"), (1_000, true, "5999")] {
            let named: HeaderList = if let length { ["Upload-Length": length] } else { [:] }
            let reply = try await upload.append(
                [UInt8](repeating: 0, count: count), at: 5_000, complete: complete, named)
            #expect(reply.status == 400 && reply.json["type"].string == type, "\(reply.summary)")
        }
        #expect(try await upload.offset([:]) == 5_000)
    }

    @Test("more than the length ends the upload")
    func pastLength() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await Self.begin(
            world, try await world.newJob(), sound(5_000), ["Upload-Length": "6000"])
        let reply = try await upload.append([UInt8](repeating: 0, count: 1_001), at: 5_000, complete: false)
        #expect(reply.status == 400 && reply.header("Upload-Complete") == "?0", "\(reply.summary)")
        #expect(try await upload.head([:]).status == 410)
    }

    @Test("digests: of a body, which is not kept if it is wrong; of the whole, which then is no object")
    func digests() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let bytes = sound(50_000)
        let upload = try await Self.begin(
            world, job, Array(bytes[..<10_000]), ["Content-Digest": SHA256.contentDigest(Array(bytes[..<10_000]))])
        let rest = Array(bytes[10_000...])
        let wrong: HeaderList = ["Content-Digest": SHA256.contentDigest([1])]
        #expect(try await upload.append(rest, at: 10_000, complete: true, wrong).status == 400)
        #expect(try await upload.offset([:]) == 10_000)
        let right: HeaderList = ["Content-Digest": SHA256.contentDigest(rest)]
        #expect(try await upload.append(rest, at: 10_000, complete: true, right).status == 201)
        let other = try await world.newJob()
        let doomed = try await Self.begin(
            world, other, Array(bytes[..<10_000]), ["Repr-Digest": SHA256.contentDigest(Array(bytes[1...]))])
        #expect(try await doomed.append(rest, at: 10_000, complete: true).status == 400)
        #expect(try await doomed.head([:]).status == 410)
        #expect(try await world.get("input", of: other).status == 404)
    }

    @Test("fields that are missing, or not what they should be, are refused")
    func badFields() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await Self.begin(world, try await world.newJob(), sound(5_000))
        let type: HeaderList = ["Content-Type": "application/partial-upload"]
        let cases: [(HeaderList, Int)] = [
            (type + ["Upload-Offset": "5000"], 400), (type + ["Upload-Complete": "?0"], 400),
            (type + ["Upload-Offset": "-1", "Upload-Complete": "?0"], 400),
            (type + ["Upload-Offset": "5000", "Upload-Complete": "1"], 400),
            (["Content-Type": "text/plain", "Upload-Offset": "5000", "Upload-Complete": "?0"], 415),
        ]
        for (headers, status) in cases {
            let reply = try await upload.client.request(
                "PATCH", upload.target, headers: upload.credentials + headers, body: .bytes([1]))
            #expect(reply.status == status, "\(headers): \(reply.summary)")
        }
        #expect(try await upload.head(["Upload-Offset": "0"]).status == 400)
        #expect(try await upload.offset([:]) == 5_000)
    }

    @Test("a field that is no boolean is as good as none: the PUT is a plain one", arguments: ["1", "true", "?2", ""])
    func noBoolean(text: String) async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let reply = try await world.send(
            "PUT", job.path("input"), headers: ["Upload-Complete": text], body: .bytes(sound(5_000)))
        #expect(reply.status == 201 && reply.header("Upload-Complete") == nil, "\(reply.summary)")
        try await world.expect(of: job, is: sound(5_000))
    }

    @Test("conditions and what is there already count as for any PUT")
    func conditions() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.jobWithInput()
        let etag = try #require(try await world.get("input", of: job).header("ETag"))
        let begin: HeaderList = ["Upload-Complete": "?0"]
        expectProblem409(try await world.send("PUT", job.path("input"), headers: begin, body: .bytes([1])))
        let wrong = begin + ["If-Match": "\"x\""]
        #expect(try await world.send("PUT", job.path("input"), headers: wrong, body: .bytes([1])).status == 412)
        let bytes = sound(7_000, seed: 3)
        let upload = try await Self.begin(world, job, Array(bytes[..<5_000]), ["If-Match": etag])
        let reply = try await upload.append(Array(bytes[5_000...]), at: 5_000, complete: true)
        #expect(reply.status == 200, "\(reply.summary)")
        try await world.expect(of: job, is: bytes)
    }

    private func expectProblem409(_ reply: RawResponse) {
        #expect(reply.status == 409 && reply.header("ETag") != nil, "\(reply.summary)")
    }

    @Test("OPTIONS tells the limits, to anybody")
    func options() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let reply = try await world.send("OPTIONS", job.path("json"), as: .stranger)
        #expect(reply.status == 204)
        #expect(reply.header("Upload-Limit")?.hasPrefix("max-size=65536, max-age=") == true, "\(reply.summary)")
    }

    @Test("DELETE gives it up")
    func terminated() async throws {
        let world = try await BucketKind.directory.shared()
        let upload = try await Self.begin(world, try await world.newJob(), sound(5_000))
        let reply = try await upload.client.request("DELETE", upload.target, headers: upload.credentials)
        #expect(reply.status == 204)
        #expect(try await upload.head([:]).status == 410)
    }
}
