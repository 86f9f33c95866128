import CustodeTesting
import Foundation
import Testing

@Suite("Connections: framing, order, and their end", .serialized)
struct ConnectionTests {
    private static let offer: HeaderList = [
        "Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c",
        "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA",
    ]

    /// The head of an upload as alice.
    private static func head(_ world: World, _ job: TestJob, _ headers: HeaderList) -> [UInt8] {
        world.service.client.head(
            "PUT", job.path("transcript"), headers: world.credentials(of: .alice) + headers, body: .raw([]))
    }

    /// Expects that a reply announces the end of the connection and that it comes.
    private func expectClosing(
        _ reply: RawResponse, _ connection: RawConnection, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        #expect(
            reply.header("Connection")?.lowercased() == "close", "\(reply.summary)",
            sourceLocation: sourceLocation)
        #expect(try await connection.isClosed(within: .seconds(3)), sourceLocation: sourceLocation)
    }

    @Test(
        "a length that no machine counts to is 400, not another length, and nothing is published",
        arguments: ["9223372036854775808", "18446744073709551615", "18446744073709551619"])
    func excessiveLength(length: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let connection = try await RawConnection.open(port: world.service.port)
        try await connection.send(Self.head(world, job, ["Content-Length": length]) + Array("abc".utf8))
        let reply = try await connection.read(to: "PUT", within: .seconds(5))
        #expect(reply.status == 400, "\(reply.summary)")
        #expect(try await connection.isClosed(within: .seconds(3)))
        expectProblem(try await world.get("transcript", of: job), 404)
    }

    @Test("an offer of another protocol is passed over: the reply comes, then the connection ends")
    func upgrade() async throws {
        let world = try await World.shared()
        let connection = try await RawConnection.open(port: world.service.port)
        try await connection.send(world.service.client.head("GET", "/openapi.json", headers: Self.offer))
        let reply = try await connection.read(within: .seconds(5))
        #expect(reply.status == 200, "\(reply.summary.prefix(500))")
        try await expectClosing(reply, connection)
    }

    @Test(
        "an upload that offers another protocol is taken whole, then the connection ends",
        arguments: [true, false])
    func upgradeOfUpload(isChunked: Bool) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let body: RequestBody = isChunked ? .chunked([Sample.text()]) : .bytes(Sample.text())
        let connection = try await RawConnection.open(port: world.service.port)
        let head = world.service.client.head(
            "PUT", job.path("transcript"), headers: world.credentials(of: .alice) + Self.offer, body: body)
        try await connection.send(head + body.wire)
        let reply = try await connection.read(to: "PUT", within: .seconds(5))
        #expect(reply.status == 201, "\(reply.summary)")
        try await expectClosing(reply, connection)
        #expect(try await world.get("transcript", of: job).body == Sample.text())
    }

    @Test(
        "a bad request behind an upload is answered behind it: 201, 400, the end",
        arguments: ["GET / HTTP/1.1\r\n\r\n", "NONSENSE\r\n\r\n"])
    func badSecond(request: String) async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let connection = try await RawConnection.open(port: world.service.port)
        try await connection.send(
            Self.head(world, job, ["Content-Length": "5"]) + Array(("Hello" + request).utf8))
        let first = try await connection.read(to: "PUT", within: .seconds(5))
        #expect(first.status == 201, "\(first.summary)")
        let second = try await connection.read(within: .seconds(5))
        #expect(second.status == 400, "\(second.summary)")
        try await expectClosing(second, connection)
        #expect(try await world.get("transcript", of: job).text == "Hello")
    }

    @Test(
        "close is close in any case and in any place of the list",
        arguments: ["close", "Close", "CLOSE", "keep-alive, close", "close, TE", "TE,Close"])
    func closing(value: String) async throws {
        let world = try await World.shared()
        let connection = try await RawConnection.open(port: world.service.port)
        try await connection.send(
            world.service.client.head("GET", "/openapi.json", headers: ["Connection": value]))
        let reply = try await connection.read(within: .seconds(5))
        #expect(reply.status == 200)
        try await expectClosing(reply, connection)
    }

    @Test("HTTP/1.0 knows no interim reply: Expect is ignored")
    func expectOfOld() async throws {
        let world = try await World.shared()
        let job = try await world.newJob()
        let head = String(
            decoding: Self.head(world, job, ["Expect": "100-continue", "Content-Length": "5"]), as: UTF8.self)
        let reply = try await world.service.client.raw(
            Array((head.replacing("HTTP/1.1\r\n", with: "HTTP/1.0\r\n") + "Hello").utf8), method: "PUT")
        #expect(reply.status == 201 && reply.interim.isEmpty, "\(reply.interim) \(reply.summary)")
        #expect(try await world.get("transcript", of: job).text == "Hello")
    }
}

@Suite("Conditions and ranges through the shipped nginx configuration", .serialized)
struct ProxiedConnectionTests {
    private static let setting = Once {
        let port = try FreePort.pick()
        let world = try await World.start(
            settings: ["CUSTODE_DELIVERY": "accel", "CUSTODE_PUBLIC_URL": "http://127.0.0.1:\(port)"])
        let nginx = try await NginxProxy.start(
            before: world.service.port, port: port, bucket: world.bucket, prefix: "/custode-internal/")
        let sound = Sample.wav(samples: 100)
        let job = try await world.jobWithInput(sound)
        // A date that is not the object's own, as a bucket that was copied has.
        let key = try await world.reference("input", of: job) ?? ""
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1_000_000_000)],
            ofItemAtPath: world.bucket + "/" + key)
        let target = try await world.link("input", of: job)
        let direct = try await world.send("HEAD", target, as: .stranger)
        guard let etag = direct.header("ETag"), let date = direct.header("Last-Modified") else {
            throw HarnessError("no validators: \(direct.summary)")
        }
        return (nginx: nginx, target: target, sound: sound, etag: etag, date: date)
    }

    @Test("tag and date are the service's, not the file's", arguments: ["GET", "HEAD"])
    func validators(method: String) async throws {
        let setting = try await Self.setting.value()
        let reply = try await setting.nginx.client.request(method, setting.target)
        #expect(
            reply.status == 200 && reply.headers.all("ETag") == [setting.etag], "\(reply.summary.prefix(500))"
        )
        #expect(reply.headers.all("Last-Modified") == [setting.date], "\(reply.summary.prefix(500))")
        #expect(reply.header("Content-Length") == String(setting.sound.count))
    }

    @Test(
        "conditions are judged by the service's tag and date",
        arguments: [
            ("If-Match", "%ETAG", 200), ("If-Match", "*", 200), ("If-Match", "\"other\"", 412),
            ("If-None-Match", "%ETAG", 304), ("If-None-Match", "\"other\"", 200),
            ("If-Modified-Since", "%DATE", 304), ("If-Unmodified-Since", "%DATE", 200),
        ])
    func conditions(field: String, value: String, status: Int) async throws {
        let setting = try await Self.setting.value()
        let condition = value.replacing("%ETAG", with: setting.etag).replacing("%DATE", with: setting.date)
        let reply = try await setting.nginx.client.request("GET", setting.target, headers: [field: condition])
        #expect(reply.status == status, "\(reply.summary.prefix(500))")
        if status == 200 { #expect(reply.body == setting.sound) }
    }

    @Test(
        "a range is 206 unless its condition fails: then everything, 200",
        arguments: [
            ("", 206), ("%ETAG", 206), ("%DATE", 206), ("\"other\"", 200),
            ("Sun, 09 Sep 2001 01:46:40 GMT", 200),
        ])
    func range(condition: String, status: Int) async throws {
        let setting = try await Self.setting.value()
        let value = condition.replacing("%ETAG", with: setting.etag).replacing("%DATE", with: setting.date)
        let reply = try await setting.nginx.client.request(
            "GET", setting.target,
            headers: ["Range": "bytes=2-5"] + (value.isEmpty ? [:] : ["If-Range": value]))
        #expect(reply.status == status, "\(reply.summary.prefix(500))")
        #expect(reply.body == (status == 206 ? Array(setting.sound[2...5]) : setting.sound))
        #expect(reply.headers.all("ETag") == [setting.etag])
    }

    @Test("HEAD knows no range: 200 with the whole length")
    func headWithRange() async throws {
        let setting = try await Self.setting.value()
        let reply = try await setting.nginx.client.request(
            "HEAD", setting.target, headers: ["Range": "bytes=2-5"])
        #expect(reply.status == 200, "\(reply.summary)")
        #expect(reply.header("Content-Length") == String(setting.sound.count))
        #expect(reply.header("Content-Range") == nil)
    }
}

@Suite("Requests behind one another")
struct PipelinedClosingTests {
    @Test("Connection: close on a later request costs the earlier one's client neither reply")
    func laterRequestCloses() async throws {
        let world = try await World.shared()
        let connection = try await RawConnection.open(port: world.service.port)
        defer { connection.close() }
        let plain = "GET /openapi.json HTTP/1.1\r\nHost: x\r\n"
        _ = try await connection.send(plain + "\r\n" + plain + "Connection: close\r\n\r\n")
        #expect(try await connection.read().status == 200)
        #expect(try await connection.read().status == 200)
        #expect(try await connection.isClosed(within: .seconds(10)))
    }
}
