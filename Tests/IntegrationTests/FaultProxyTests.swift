import CustodeTesting
import Foundation
import Glibc
import Testing

@Suite("The proxy that makes faults")
struct FaultProxyTests {
    /// An object store behind a proxy, with a bucket that anybody may use.
    private struct Fixture {
        let proxy: FaultProxy
        let bucket: String
        var client: RawClient { RawClient(port: proxy.port) }

        init() async throws {
            let server = try await Self.server.value()
            proxy = try FaultProxy(to: server.port)
            bucket = "/" + PrivateRGW.newBucketName()
            let status = try await Command.succeed(
                Checkout.tool("curl") ?? "curl",
                [
                    "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT",
                    "--aws-sigv4", "aws:amz:\(PrivateRGW.region):s3",
                    "--user", "\(PrivateRGW.custode.accessKey):\(PrivateRGW.custode.secretKey)",
                    "-H", "x-amz-content-sha256: UNSIGNED-PAYLOAD", "-H", "x-amz-acl: public-read-write",
                    server.endpoint + bucket,
                ])
            guard status == "200" else { throw HarnessError("no bucket: \(status)") }
        }

        private static let server = Once { try await PrivateRGW.shared() }

        func put(_ name: String, _ text: String) async throws -> RawResponse {
            try await client.request(
                "PUT", "\(bucket)/\(name)", headers: ["x-amz-acl": "public-read"], body: .bytes(Array(text.utf8)))
        }

        func get(_ name: String) async throws -> RawResponse {
            try await client.request("GET", "\(bucket)/\(name)")
        }
    }

    @Test("without faults it forwards, and keeps what it saw")
    func forward() async throws {
        let fixture = try await Fixture()
        let proxy = fixture.proxy
        let text = String(repeating: "0123456789", count: 100_000)
        #expect(try await fixture.put("a", text).status == 200)
        #expect(try await fixture.get("a").text == text)
        #expect(proxy.connectionCount == 2)
        #expect(
            proxy.requestLines == ["PUT \(fixture.bucket)/a HTTP/1.1", "GET \(fixture.bucket)/a HTTP/1.1"])
        proxy.stop()
        await #expect(throws: HarnessError.self) { try await fixture.get("a") }
    }

    @Test("curl keeps one connection alive through it, whatever the bodies are framed by")
    func keepAlive() async throws {
        let fixture = try await Fixture()
        let folder = try TestFolder()
        try String(repeating: "x", count: 3_000_000).write(
            toFile: folder.path + "/body", atomically: true, encoding: .utf8)
        let url = fixture.proxy.url + fixture.bucket
        let output = try await Command.succeed(
            Checkout.tool("curl") ?? "curl",
            [
                "-s", "-w", "%{http_code} ", "-H", "x-amz-acl: public-read", "-T", folder.path + "/body", url + "/b",
                "--next",
                "-s", "-w", "%{http_code} ", "-I", "-o", "/dev/null", url + "/b", "--next",
                "-s", "-w", "%{http_code} ", "-X", "DELETE", url + "/b", "--next",
                "-s", "-w", "%{http_code} %{size_download}", "-o", "/dev/null", url,
            ])
        #expect(output.hasPrefix("200 200 204 200 "))
        #expect(fixture.proxy.connectionCount == 1)
        #expect(fixture.proxy.requestLines.count == 4)
    }

    @Test("a cut ends so many connections, in either direction and manner")
    func cut() async throws {
        let fixture = try await Fixture()
        let proxy = fixture.proxy
        _ = try await fixture.put("a", String(repeating: "a", count: 500_000))
        for (direction, ending) in [
            (ProxyFault.Direction.toServer, ProxyFault.Ending.reset), (.toServer, .finish),
            (.toClient, .reset), (.toClient, .finish),
        ] {
            proxy.set(.cut(afterBytes: 10, direction, ending), times: 1)
            await #expect(throws: HarnessError.self, "\(direction) \(ending)") { try await fixture.get("a") }
            #expect(try await fixture.get("a").status == 200)
        }
        proxy.set(.cut(afterBytes: 100_000, .toServer, .reset), times: 1)
        _ = try? await fixture.put("torn", String(repeating: "a", count: 500_000))
        #expect(try await fixture.get("torn").status == 404)
    }

    @Test("a reset is told from an end in peace")
    func endings() async throws {
        let fixture = try await Fixture()
        let curl = Checkout.tool("curl") ?? "curl"
        let url = fixture.proxy.url + fixture.bucket
        for (ending, status) in [(ProxyFault.Ending.reset, Int32(56)), (.finish, 52)] {
            fixture.proxy.set(.cut(afterBytes: 0, .toClient, ending), times: 1)
            #expect(try await Command.run(curl, ["-s", url]).status == status, "\(ending)")
        }
    }

    @Test("a silent or stalled connection stays open and brings nothing")
    func stall() async throws {
        let fixture = try await Fixture()
        let proxy = fixture.proxy
        _ = try await fixture.put("a", "text")
        for fault in [ProxyFault.silence, .stall(afterBytes: 20, .toClient)] {
            proxy.set(fault)
            let connection = try await RawConnection.open(port: proxy.port)
            try await connection.send("GET \(fixture.bucket)/a HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try await !connection.isClosed(within: .milliseconds(300)))
            proxy.endConnections()
            #expect(try await connection.isClosed(within: .seconds(5)))
            try proxy.clear()
        }
        #expect(try await fixture.get("a").status == 200)
    }

    @Test("latency and a low rate take their time")
    func slow() async throws {
        let fixture = try await Fixture()
        let proxy = fixture.proxy
        _ = try await fixture.put("a", String(repeating: "a", count: 10_000))
        proxy.set(.latency(.milliseconds(200)))
        #expect(try await ContinuousClock().measure { _ = try await fixture.get("a") } >= .milliseconds(200))
        try proxy.clear()
        proxy.set(.slow(bytesPerSecond: 20_000, .toClient))
        #expect(try await ContinuousClock().measure { _ = try await fixture.get("a") } >= .milliseconds(500))
    }

    @Test("it refuses connections and comes back on the same port")
    func refuse() async throws {
        let fixture = try await Fixture()
        fixture.proxy.set(.refuse)
        await #expect(throws: HarnessError.self) { try await RawConnection.open(port: fixture.proxy.port) }
        try fixture.proxy.clear()
        #expect(try await fixture.get("none").status == 404)
    }

    @Test("it answers by itself so many times, after so many that pass, and the connection lives on")
    func answer() async throws {
        let fixture = try await Fixture()
        let proxy = fixture.proxy
        proxy.answer(
            matching: "PUT", with: .s3Error(503, "SlowDown", headers: ["Retry-After": "1"]), skipping: 1, times: 1)
        let connection = try await RawConnection.open(port: proxy.port)
        for status in [200, 503, 200] {
            try await connection.send(
                "PUT \(fixture.bucket)/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            let reply = try await connection.read()
            #expect(reply.status == status)
            if status == 503 { #expect(reply.text.contains("SlowDown") && reply.header("Retry-After") == "1") }
        }
        #expect(proxy.connectionCount == 1)
    }

    @Test("it rewrites replies: other text, a wrong length, a body cut short")
    func rewrite() async throws {
        let fixture = try await Fixture()
        let proxy = fixture.proxy
        _ = try await fixture.put("a", "0123456789")
        proxy.rewrite(matching: "/a ", by: .replacing("345", with: "x"))
        let reply = try await fixture.get("a")
        #expect(reply.text == "012x6789" && reply.header("Content-Length") == "8" && reply.header("ETag") != nil)
        proxy.rewrite(matching: "/a ", by: .text("<Half><A", length: .kept))
        await #expect(throws: HarnessError.self) { try await fixture.get("a") }
        proxy.rewrite(matching: "/a ", by: .cut(afterBodyBytes: 4))
        await #expect(throws: HarnessError.self) { try await fixture.get("a") }
        #expect(try await fixture.get("a").text == "0123456789")
    }

    @Test("a reply is lost though the server did what it was asked")
    func lostReply() async throws {
        let fixture = try await Fixture()
        fixture.proxy.loseReply(matching: "PUT")
        await #expect(throws: HarnessError.self) { try await fixture.put("a", "text") }
        #expect(try await fixture.get("a").text == "text")
    }

    @Test("what is not HTTP goes through as it is")
    func other() async throws {
        let echo = try FreePort.pick()
        let folder = try TestFolder()
        let server = try ChildProcess.start(
            "/usr/bin/env",
            [
                "python3", "-c",
                """
                import socket
                listener = socket.create_server(("127.0.0.1", \(echo)))
                while True:
                    peer, _ = listener.accept()
                    while data := peer.recv(4096):
                        peer.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok" + data)
                """,
            ], environment: Command.environment, errors: folder.path + "/errors")
        let isUp = try await eventually(within: .seconds(30)) {
            if server.status != nil { throw HarnessError("no echo: \(folder.text("errors") ?? "")") }
            guard let probe = try? await RawConnection.open(port: echo) else { return false }
            probe.close()
            return true
        }
        #expect(isUp)
        let proxy = try FaultProxy(to: echo)
        let connection = try await RawConnection.open(port: proxy.port)
        try await connection.send("hello")
        #expect(try await connection.read().text == "ok")
        #expect(proxy.requestLines.isEmpty)
        connection.close()
        server.signal(SIGKILL)
        _ = try await server.end()
    }
}
