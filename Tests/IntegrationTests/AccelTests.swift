import CustodeTesting
import Foundation
import Testing

@Suite(
    "Delivery by nginx: accel", .serialized
)
struct AccelTests {
    private static let prefix = "/custode-internal/"
    private static let setting = Once {
        let port = try FreePort.pick()
        let world = try await World.start(
            ids: .text,
            settings: ["CUSTODE_DELIVERY": "accel", "CUSTODE_PUBLIC_URL": "http://127.0.0.1:\(port)"])
        let nginx = try await NginxProxy.start(
            before: world.service.port, port: port, bucket: world.bucket, prefix: prefix)
        return (world: world, nginx: nginx)
    }

    @Test("a link's reply hands the key to nginx in a header, percent-encoded, and no bytes")
    func header() async throws {
        let (world, _) = try await Self.setting.value()
        let job = try await world.jobWithInput()
        let reply = try await world.send("GET", try await world.link("input", of: job), as: .stranger)
        #expect(reply.status == 200 && reply.body.isEmpty, "\(reply.summary)")
        let key = try #require(try await world.reference("input", of: job))
        let target = try #require(reply.header("X-Accel-Redirect"))
        #expect(target.removingPercentEncoding == Self.prefix + key)
        #expect(!target.unicodeScalars.contains { $0.value <= 0x20 || $0.value >= 0x7f })
    }

    @Test("through nginx the bytes come, with the type and the disposition of the service")
    func whole() async throws {
        let (world, nginx) = try await Self.setting.value()
        let sound = Sample.wav(samples: 300_000)
        let job = try await world.jobWithInput(sound)
        let target = try await world.link("input", of: job, ["disposition": "inline"])
        let reply = try await nginx.client.request("GET", target)
        #expect(reply.status == 200 && reply.body == sound, "\(reply.summary.prefix(500))")
        #expect(reply.header("Content-Type")?.hasPrefix("audio/") == true)
        #expect(reply.header("Content-Disposition")?.hasPrefix("inline") == true)
        #expect(reply.header("X-Accel-Redirect") == nil)
        let head = try await nginx.client.request("HEAD", target)
        #expect(head.status == 200 && head.header("Content-Length") == String(sound.count))
    }

    @Test(
        "a range through nginx is 206 with exactly those bytes",
        arguments: [(0, 9), (1_000, 70_000), (599_900, 600_043)])
    func range(first: Int, last: Int) async throws {
        let (world, nginx) = try await Self.setting.value()
        let sound = Sample.wav(samples: 300_000)
        let job = try await world.jobWithInput(sound)
        let reply = try await nginx.client.request(
            "GET", try await world.link("input", of: job), headers: ["Range": "bytes=\(first)-\(last)"])
        #expect(reply.status == 206, "\(reply.summary.prefix(500))")
        #expect(reply.body == Array(sound[first...last]))
        #expect(reply.header("Content-Range") == "bytes \(first)-\(last)/\(sound.count)")
    }

    @Test("ids that need the encoding are delivered too", arguments: ["auth0|x", "a/b", "..", "ünï 😀"])
    func encoded(user: String) async throws {
        let (world, nginx) = try await Self.setting.value()
        try await world.addUser(id: user)
        let job = try await world.newJob(for: user)
        _ = try await world.store("transcript", of: job, Sample.text())
        let reply = try await nginx.client.request("GET", try await world.link("transcript", of: job))
        #expect(reply.status == 200 && reply.body == Sample.text(), "\(reply.summary)")
        #expect(reply.header("Content-Type") == "text/plain; charset=utf-8")
    }

    @Test("the internal location is closed to clients, and a bad link opens nothing")
    func closed() async throws {
        let (world, nginx) = try await Self.setting.value()
        let job = try await world.jobWithInput()
        let key = try #require(try await world.reference("input", of: job))
        #expect(try await nginx.client.request("GET", Self.prefix + key).status == 404)
        let target = try await world.link("input", of: job)
        let token = try #require(LinkToken(target: target))
        expectProblem(try await nginx.client.request("GET", "/o/" + token.flipping(bit: 9)), 403)
        try await world.deleteJob(job)
        expectProblem(try await nginx.client.request("GET", target), 404)
    }

    @Test("once is once through nginx as well")
    func once() async throws {
        let (world, nginx) = try await Self.setting.value()
        let job = try await world.jobWithInput()
        let target = try await world.link("input", of: job, ["once": true])
        #expect(try await nginx.client.request("GET", target).body == Sample.wav())
        #expect(try await nginx.client.request("GET", target).status == 410)
    }
}
