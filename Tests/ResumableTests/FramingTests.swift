import CustodeTesting
import Testing

@Suite("Where a reply ends, and what may come before it")
struct FramingTests {
    @Test(
        "a reply has content by the method that was sent, not by the one it was taken for",
        arguments: [("POST", "HEAD"), ("HEAD", "DELETE"), ("HEAD", "PATCH")])
    func overridden(sent: String, taken: String) async throws {
        let world = try await BucketKind.directory.shared()
        let connection = try await RawConnection.open(port: world.service.port)
        let target = "/v1/uploads/" + String(repeating: "a", count: 26)
        let first = world.service.client.head(
            sent, target, headers: world.credentials(of: .alice) + tus + ["X-HTTP-Method-Override": taken],
            body: .raw([]))
        try await connection.send(first)
        let refusal = try await connection.read(to: sent, within: .seconds(5))
        #expect(refusal.status >= 400 && refusal.body.isEmpty == (sent == "HEAD"), "\(refusal.summary)")
        // Were the ends mistaken, the next reply would not begin where it should.
        try await connection.send(world.service.client.head("GET", "/openapi.json", headers: [:], body: .none))
        #expect(try await connection.read(within: .seconds(5)).status == 200)
    }

    @Test("a client of HTTP/1.0 is told nothing before the reply")
    func old() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let connection = try await RawConnection.open(port: world.service.port)
        let fields: HeaderList = [
            "Upload-Complete": "?0", "Upload-Draft-Interop-Version": "8", "Content-Length": "1000",
        ]
        let head = world.service.client.head(
            "PUT", job.path("input"), headers: world.credentials(of: .alice) + fields, body: .raw([]))
        try await connection.send(String(decoding: head, as: UTF8.self).replacing("HTTP/1.1", with: "HTTP/1.0"))
        try await connection.send(sound(1_000))
        let reply = try await connection.read(to: "PUT", within: .seconds(5))
        #expect(reply.status == 201 && reply.interim.isEmpty, "\(reply.summary) \(reply.interim)")
    }

    @Test("a method that is no more than a word in a field gets no metric of its own")
    func words() async throws {
        let world = try await BucketKind.directory.shared()
        for word in ["WORD-ONE", "WORD-TWO"] {
            let reply = try await world.send("POST", "/v1/uploads", headers: tus + ["X-HTTP-Method-Override": word])
            expectRefusal(reply, 405)
        }
        let metrics = try await world.service.admin.request("GET", "/metrics").text
        #expect(metrics.contains("/v1/uploads") && !metrics.contains("WORD-"))
    }
}
