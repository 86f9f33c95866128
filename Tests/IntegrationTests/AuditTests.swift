import CustodeTesting
import Foundation
import Testing

@Suite("The record of who did what", .serialized)
struct AuditTests {
    /// The lines of a log that are for the record, once there are as many as wanted.
    private static func record(of world: World, atLeast count: Int = 1) async throws -> [JSON] {
        let read = { @Sendable in
            world.service.log.split(separator: "\n").compactMap { try? JSON(Array($0.utf8)) }.filter {
                $0["event"] != .null
            }
        }
        _ = try await eventually { read().count >= count }
        return read()
    }

    private static func quiet() async throws -> World {
        try await World.start(settings: ["CUSTODE_LOG_LEVEL": "notice", "CUSTODE_LOG_FORMAT": "json"])
    }

    @Test("mints, uses, uploads, reads and deletions are notices, each with who and what, and nothing else is one")
    func events() async throws {
        let world = try await Self.quiet()
        let job = try await world.jobWithInput()
        let link = try await world.link("input", of: job)
        #expect(try await world.send("HEAD", link, as: .stranger).status == 200)
        #expect(try await world.send("GET", link, as: .stranger, headers: ["Range": "bytes=0-9"]).status == 206)
        let etag = try #require(try await world.get("input", of: job).header("ETag"))
        #expect(try await world.send("GET", link, as: .stranger, headers: ["If-None-Match": etag]).status == 304)
        #expect(try await world.send("GET", link + "x/y", as: .stranger).status >= 400)
        let upload = try await world.link("transcript", of: job, ["operation": "upload"])
        #expect(try await world.send("PUT", upload, as: .stranger, body: .bytes(Sample.text())).status == 201)
        #expect(try await world.send("PUT", upload, as: .stranger, body: .bytes(Sample.text())).status == 409)
        #expect(try await world.send("DELETE", job.path("input")).status == 204)
        #expect(try await world.send("DELETE", job.path("links")).status == 204)
        #expect(try await world.send("DELETE", job.path("input"), as: .bob).status == 404)
        let record = try await Self.record(of: world, atLeast: 8)
        let events = record.compactMap { $0["event"].string }
        #expect(
            events == [
                "object.stored", "links.minted", "link.used", "object.read", "links.minted", "object.stored",
                "object.deleted", "links.revoked",
            ])
        for line in record {
            #expect(line["level"].string == "notice")
            #expect(line["job"].string == job.id)
            #expect(line["request"].string?.isEmpty == false)
        }
        try #require(record.count == 8)
        for index in [0, 1, 3, 6, 7] {
            #expect(record[index]["user"].string == world.alice && record[index]["caller"].string == "both")
        }
        #expect(record[0]["sha256"].string == SHA256.hex(Sample.wav()))
        #expect(record[0]["size"].string == "\(Sample.wav().count)")
        // A link's mint, its uses and what was uploaded by it name the same link, and the key.
        #expect(record[1]["link"].string == record[2]["link"].string && record[1]["operation"].string == "download")
        #expect(record[4]["link"].string == record[5]["link"].string)
        #expect(record[2]["key"].string != nil)
        for secret in [link, upload].compactMap({ $0.split(separator: "/").dropFirst().first }) {
            #expect(!world.service.log.contains(secret))
        }
        try await world.close()
    }

    @Test("a batch names every link that it made, in lines that are written whole")
    func batch() async throws {
        let world = try await Self.quiet()
        let job = try await world.jobWithInput()
        let wanted = (0..<1_000).map { index -> JSON in
            ["job_id": .string(index % 10 == 0 ? "none" : job.id), "object": "input"]
        }
        #expect(try await world.send("POST", "/v1/links", body: .json(["links": .array(wanted)])).status == 200)
        let read = { @Sendable in
            try await Self.record(of: world).filter { $0["event"].string == "links.minted" }
        }
        #expect(
            try await eventually {
                try await read().flatMap { ($0["links"].string ?? "").split(separator: ",") }.count == 900
            })
        for line in try await read() { #expect(line.description.utf8.count < 4_096) }
        let links = try await read().flatMap { ($0["links"].string ?? "").split(separator: ",") }
        #expect(Set(links.compactMap { $0.split(separator: " ").first }).count == 900)
        for link in links { #expect(link.hasSuffix("download \(job.id) input")) }
        try await world.close()
    }

    @Test("a resumable upload is told where it begins and where it becomes an object, whoever finishes it")
    func resumable() async throws {
        let world = try await Self.quiet()
        let job = try await world.newJob()
        let tus: HeaderList = ["Tus-Resumable": "1.0.0"]
        let metadata = "job \(Data(job.id.utf8).base64EncodedString()),object dHJhbnNjcmlwdA=="
        let created = try await world.send(
            "POST", "/v1/uploads", headers: tus + ["Upload-Length": "5", "Upload-Metadata": metadata])
        let place = try World.target(of: try #require(created.header("Location")))
        let patched = try await world.send(
            "PATCH", place, headers: tus + ["Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"],
            body: .bytes(Array("Hello".utf8)))
        #expect(patched.status == 204)
        let other = try await world.send(
            "POST", "/v1/uploads",
            headers: tus + [
                "Upload-Length": "5", "Upload-Metadata": metadata.replacing("dHJhbnNjcmlwdA==", with: "anNvbg=="),
            ])
        let gone = try World.target(of: try #require(other.header("Location")))
        #expect(try await world.send("DELETE", gone, headers: tus).status == 204)
        let record = try await Self.record(of: world, atLeast: 4)
        #expect(
            record.compactMap { $0["event"].string } == [
                "upload.begun", "object.stored", "upload.begun", "upload.deleted",
            ])
        try #require(record.count == 4)
        #expect(record[0]["upload"].string == record[1]["upload"].string)
        #expect(
            record[1]["user"].string == world.alice && record[1]["sha256"].string == SHA256.hex(Array("Hello".utf8)))
        #expect(record[2]["upload"].string == record[3]["upload"].string)
        for target in [place, gone] { #expect(!world.service.log.contains(target.split(separator: "/")[2])) }
        try await world.close()
    }

    @Test("with a level above notice there is no record")
    func off() async throws {
        let world = try await World.start(settings: ["CUSTODE_LOG_LEVEL": "warning", "CUSTODE_LOG_FORMAT": "json"])
        let job = try await world.jobWithInput()
        #expect(try await world.get("input", of: job).status == 200)
        try await world.close()
        #expect(!world.service.log.contains("\"event\""))
    }
}
