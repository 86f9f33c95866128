import CustodeTesting
import Foundation
import Testing

@Suite("Objects of jobs in a Supabase bucket", .timeLimit(.minutes(2)))
struct ProjectObjectTests {
    private static let world = Once { try await World.startOnSupabase() }

    /// A WAV of this many bytes.
    private static func sound(_ count: Int) -> [UInt8] {
        Sample.wavHeader(samples: (count - 44) / 2) + Sample.noise(count - 44)
    }

    @Test(
        "what was uploaded is read, whole and in ranges, and carries the type that was found",
        arguments: [1_000, 6 << 20, 6 << 20 | 1, 13_000_000], [true, false])
    func roundTrip(_ size: Int, _ isSized: Bool) async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        let sound = Self.sound(size)
        let chunks = stride(from: 0, to: size, by: 1 << 20).map { Array(sound[$0..<min(size, $0 + 1 << 20)]) }
        let reply = try await world.send(
            "PUT", job.path("input"), headers: ["Content-Type": "application/octet-stream"],
            body: isSized ? .bytes(sound) : .chunked(chunks))
        #expect(reply.status == 201, "\(reply.summary)")
        let key = try #require(reply.json["key"].string)
        let isSame = try world.supabaseBytes(key) == sound
        #expect(isSame)
        let object = try world.standIn.objects(in: World.supabaseBucket).first { $0.name == key }
        #expect(object?.contentType == reply.json["content_type"].string, "\(object as Any)")
        #expect(object?.contentType.hasPrefix("audio/") == true)
        #expect(Sample.firstDifference(try await world.get("input", of: job).body, sound) == nil)
        let part = try await world.get("input", of: job, headers: ["Range": "bytes=\(size - 500)-\(size - 101)"])
        #expect(part.status == 206 && part.body == Array(sound[(size - 500)..<(size - 100)]))
        #expect(try !world.standIn.openUploads.contains { $0.name.contains(job.id) })
    }

    @Test("an upload that breaks off leaves no object, no reference, and no upload open at the service")
    func brokenOff() async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        let connection = try await RawConnection.open(port: world.service.port)
        let sound = Self.sound(20_000_000)
        let head = world.service.client.head(
            "PUT", job.path("input"), headers: world.credentials(of: .alice) + ["Content-Type": "audio/wav"],
            body: .bytes(sound))
        try await connection.send(head + sound.prefix(15_000_000))
        let isBegun = try await eventually { try world.standIn.openUploads.contains { $0.name.contains(job.id) } }
        #expect(isBegun)
        connection.close()
        let isOver = try await eventually { try !world.standIn.openUploads.contains { $0.name.contains(job.id) } }
        #expect(isOver)
        #expect(try world.supabaseKeys().filter { $0.contains(job.id) }.isEmpty)
        #expect(try await world.get("input", of: job).status == 404)
    }

    @Test("a page that calls itself a sound never comes to the service")
    func refused() async throws {
        let world = try await Self.world.value()
        let job = try await world.newJob()
        let page = Array("<!DOCTYPE html><html><script>alert(1)</script></html>".utf8)
        #expect(try await world.put("input", of: job, page, type: "audio/wav").status == 415)
        #expect(try world.standIn.requests.allSatisfy { !$0.line.contains(job.id) })
    }

    @Test("redirect: a link's reply sends the reader to a URL that the service signed, for a minute at most")
    func redirect() async throws {
        let world = try await World.startOnSupabase(settings: ["CUSTODE_DELIVERY": "redirect"])
        let sound = Self.sound(100_000)
        let job = try await world.newJob()
        _ = try await world.store(
            "input", of: job, sound, type: "audio/wav",
            headers: ["Content-Disposition": "attachment; filename*=UTF-8''na%C3%AFve%20%26%20co.wav"])
        let reply = try await world.send("GET", try await world.link("input", of: job), as: .stranger)
        #expect(reply.status == 302 && reply.header("Cache-Control") == "private, no-store", "\(reply.summary)")
        let location = try #require(reply.header("Location"))
        #expect(location.hasPrefix(try world.standIn.url + "/storage/v1/object/sign/recordings/users/"), "\(location)")
        let head = try await Command.succeed(
            "/usr/bin/curl", ["-sS", "-D", "-", "-o", "/dev/null", "-r", "0-9", location])
        #expect(head.contains("206") && head.lowercased().contains("content-type: audio/"), "\(head)")
        #expect(head.contains("na%C3%AFve%20%26%20co.wav"), "\(head)")
        let token = try #require(location.firstRange(of: "token=").map { location[$0.upperBound...] })
        let claims = try Self.claims(token.split(separator: "&")[0])
        let life = try #require(claims["exp"].int) - Int(Date().timeIntervalSince1970)
        #expect((1...60).contains(life))
        // Shown in place where that is wanted and harmless; what is for one use is not handed on.
        let inline = try await world.send(
            "GET", try await world.link("input", of: job, ["disposition": "inline"]), as: .stranger)
        #expect(inline.header("Location")?.contains("download") == false)
        let once = try await world.send(
            "GET", try await world.link("input", of: job, ["once": true]), as: .stranger)
        #expect(once.status == 200 && once.body == sound)
        try await world.close()
    }

    @Test("a user of any name has objects there: what their key is made of, the service takes, stores, signs and moves")
    func anyName() async throws {
        let world = try await World.startOnSupabase(
            ids: .text, settings: World.swift.merging(["CUSTODE_DELIVERY": "redirect"]) { $1 })
        let user = "auth0|ALICE +é%2F&?#;/../x"
        try await world.addUser(id: user)
        let job = try await world.newJob(.transcription, for: user)
        let stored = try await world.store("input", of: job, Sample.wav(), type: "audio/wav")
        let key = try #require(stored["key"].string)
        #expect(try await world.get("input", of: job).body == Sample.wav())
        let reply = try await world.send("GET", try await world.link("input", of: job), as: .stranger)
        let location = try #require(reply.header("Location"))
        let size = try await Command.succeed(
            "/usr/bin/curl", ["-fsS", "-o", "/dev/null", "-w", "%{size_download}", location])
        #expect(size == String(Sample.wav().count))
        _ = try await world.jobWith("input")
        try await world.sweep("--now", "+1m")
        try await world.deleteJob(job)
        let isTrashed = try await eventually(within: .seconds(20)) {
            try await world.gc("--outbox-only", "--now", "+1h").status == 0 && world.place(of: key) == .trash
        }
        #expect(isTrashed)
        #expect(try await world.collect(["restore", "--key", key]).status == 0)
        #expect(try world.supabaseBytes(key) == Sample.wav())
        try await world.close()
    }

    private static func claims(_ token: Substring) throws -> JSON {
        var text = String(token.split(separator: ".")[1]).replacing("-", with: "+").replacing("_", with: "/")
        text += String(repeating: "=", count: (4 - text.count % 4) % 4)
        return try JSON([UInt8](Data(base64Encoded: text) ?? Data()))
    }
}
