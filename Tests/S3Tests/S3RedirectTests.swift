import CustodeTesting
import Foundation
import Testing

@Suite("Delivery by the bucket: redirect", .serialized, .timeLimit(.minutes(2)))
struct S3RedirectTests {
    private static let world = Once {
        try await World.startOnS3(
            settings: ["CUSTODE_DELIVERY": "redirect", "CUSTODE_CORS_ORIGINS": "https://app.example.com"])
    }

    private func fetch(_ url: String, _ options: String...) async throws -> String {
        try await Command.succeed("/usr/bin/curl", ["-sS", "-L", "-D", "-", "-o", "/dev/null"] + options + [url])
    }

    @Test(
        "a link's reply sends the reader to the bucket, whose reply has the type and name that the service would give")
    func whole() async throws {
        let world = try await Self.world.value()
        let sound = Sample.wav(samples: 30_000)
        let job = try await world.jobWithInput(sound)
        let reply = try await world.send("GET", try await world.link("input", of: job), as: .stranger)
        #expect(reply.status == 302 && reply.body.isEmpty, "\(reply.summary)")
        #expect(reply.header("Cache-Control") == "private, no-store")
        let location = try #require(reply.header("Location"))
        #expect(location.hasPrefix(try world.objects.endpoint + "/"))
        let bytes = try await Command.succeed(
            "/bin/sh", ["-c", "curl -fsS \"$0\" | sha256sum", location])
        #expect(bytes.hasPrefix(SHA256.digest(sound).map { String(format: "%02x", $0) }.joined()))
        let head = try await fetch(location)
        #expect(head.contains("200") && head.lowercased().contains("content-type: audio/"), "\(head)")
        #expect(head.lowercased().contains("content-disposition: attachment"))
        #expect(head.lowercased().contains("cache-control: private, no-store"))
    }

    @Test("the bucket's URL lives a minute at most, and no longer than the link", arguments: [900, 20])
    func life(_ ttl: Int) async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        let reply = try await world.send(
            "GET", try await world.link("input", of: job, ["ttl_seconds": .number(Double(ttl))]), as: .stranger)
        let location = try #require(reply.header("Location"))
        let seconds = try #require(
            location.split(separator: "&").first { $0.hasPrefix("X-Amz-Expires=") }.flatMap { Int($0.dropFirst(14)) })
        #expect((1...min(60, ttl)).contains(seconds))
        #expect(location.contains("X-Amz-SignedHeaders=host"))
    }

    @Test("a range is the bucket's to give; one that cannot be is refused here")
    func range() async throws {
        let world = try await Self.world.value()
        let sound = Sample.wav(samples: 3_000)
        let job = try await world.jobWithInput(sound)
        let link = try await world.link("input", of: job)
        let head = try await fetch("http://127.0.0.1:\(world.service.port)" + link, "-r", "10-19")
        #expect(head.contains("302") && head.contains("206"), "\(head)")
        #expect(head.lowercased().contains("content-range: bytes 10-19/\(sound.count)"), "\(head)")
        let beyond = try await world.send("GET", link, as: .stranger, headers: ["Range": "bytes=\(sound.count)-"])
        #expect(beyond.status == 416)
    }

    @Test("HEAD, and a request with a condition, are answered here: the bucket knows neither our tags nor our dates")
    func conditions() async throws {
        let world = try await Self.world.value()
        let sound = Sample.wav(samples: 3_000)
        let job = try await world.jobWithInput(sound)
        let link = try await world.link("input", of: job)
        let head = try await world.send("HEAD", link, as: .stranger)
        #expect(head.status == 200 && head.header("Content-Length") == String(sound.count))
        let etag = try #require(head.header("ETag"))
        #expect(try await world.send("GET", link, as: .stranger, headers: ["If-None-Match": etag]).status == 304)
        let matched = try await world.send("GET", link, as: .stranger, headers: ["If-Match": etag])
        #expect(matched.status == 200 && matched.body == sound)
        #expect(try await world.send("GET", link, as: .stranger, headers: ["If-Match": "\"x\""]).status == 412)
    }

    @Test("a link for one use is streamed: a URL of the bucket could be used again")
    func once() async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        let link = try await world.link("input", of: job, ["once": true])
        #expect(try await world.send("HEAD", link, as: .stranger).status == 200)
        #expect(try await world.send("GET", link, as: .stranger).status == 200)
        #expect(try await world.send("GET", link, as: .stranger).status == 410)
    }

    @Test("bytes that are gone are told here, not by the bucket; what needs a credential is streamed through")
    func gone() async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        let link = try await world.link("input", of: job)
        #expect(try await world.get("input", of: job).status == 200)
        try await world.objects.delete(try #require(try await world.reference("input", of: job)))
        let reply = try await world.send("GET", link, as: .stranger)
        #expect(reply.status == 503 && reply.json["type"].string == "urn:custode:bytes-missing", "\(reply.summary)")
    }

    @Test("no URL of the bucket is ever in the log")
    func log() async throws {
        let world = try await Self.world.value()
        let job = try await world.jobWithInput()
        #expect(try await world.send("GET", try await world.link("input", of: job), as: .stranger).status == 302)
        #expect(!world.service.log.contains("X-Amz-Signature"))
        #expect(!world.service.log.contains(PrivateRGW.custode.secretKey))
    }
}
