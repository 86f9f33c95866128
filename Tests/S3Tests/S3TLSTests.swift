import CustodeTesting
import Foundation
import Testing

@Suite("TLS to the bucket", .timeLimit(.minutes(2)))
struct S3TLSTests {
    /// An end of TLS in front of the shared gateway.
    private struct Stage {
        let certificate: TestCertificate
        let nginx: NginxProxy
        var url: String { "https://127.0.0.1:\(nginx.port)" }

        static func set(_ certificate: TestCertificate? = nil, port: UInt16? = nil) async throws -> Stage {
            let given = if let certificate { certificate } else { try await TestCertificate.make() }
            let gateway = try await PrivateRGW.shared().port
            let nginx = try await NginxProxy.start(
                endingTLSBefore: gateway, port: try port ?? FreePort.pick(), as: given)
            return Stage(certificate: given, nginx: nginx)
        }

        func world(_ settings: [String: String] = [:]) async throws -> World {
            let trusting = ["SSL_CERT_FILE": certificate.path].merging(settings) { $1 }
            return try await World.startOnS3(settings: trusting, endpoint: url)
        }
    }

    /// What `custode check` says of the bucket.
    private func check(_ world: World, _ settings: [String: String] = [:]) async throws -> (ok: Bool, detail: String) {
        let outcome = try await world.service.run(["check", "--json"], settings: settings)
        let items = try JSON(Array(outcome.output.utf8))["checks"].array
        let bucket = try #require(items.first { $0["name"].string == "bucket" }, "\(outcome.output)\(outcome.errors)")
        #expect((outcome.status == 0) == (bucket["ok"] == true), "\(outcome.output)")
        return (bucket["ok"] == true, bucket["detail"].string ?? "")
    }

    @Test("with a certificate that SSL_CERT_FILE trusts all is as without: up in one and in parts, down, gone, checked")
    func trusted() async throws {
        let stage = try await Stage.set()
        let world = try await stage.world()
        #expect(try await check(world).ok)
        for sound in [Sample.wav(), Sound.wav(bytes: 9 << 20)] {
            let (job, key) = try await world.jobWith("input", sound)
            #expect(try await world.objects.get(key) == sound)
            #expect(try await world.get("input", of: job).body == sound)
            let part = try await world.get("input", of: job, headers: ["Range": "bytes=100-199"])
            #expect(part.status == 206 && part.body == Array(sound[100..<200]))
        }
        try await world.close()
        try await stage.nginx.stop()
    }

    @Test("a redirect leads to a URL of https that a reader who trusts the certificate can use")
    func redirect() async throws {
        let stage = try await Stage.set()
        let world = try await stage.world(["CUSTODE_DELIVERY": "redirect"])
        let sound = Sample.wav(samples: 30_000)
        let job = try await world.jobWithInput(sound)
        let reply = try await world.send("GET", try await world.link("input", of: job), as: .stranger)
        #expect(reply.status == 302, "\(reply.summary)")
        let location = try #require(reply.header("Location"))
        #expect(location.hasPrefix(stage.url + "/"))
        let sum = try await Command.succeed(
            "/bin/sh", ["-c", "curl -fsS --cacert \"$0\" \"$1\" | sha256sum", stage.certificate.path, location])
        #expect(sum.hasPrefix(SHA256.digest(sound).map { String(format: "%02x", $0) }.joined()))
        let stranger = try await Command.run("/usr/bin/curl", ["-sS", "-o", "/dev/null", location])
        #expect(stranger.status == 60, "the certificate is looked at: \(stranger)")
        try await world.close()
        try await stage.nginx.stop()
    }

    @Test("custode check tells in one sentence why a certificate is not trusted, and what to set")
    func checked() async throws {
        let world = try await World.prepareOnS3()
        let folder = try TestFolder()
        let cases: [(certificate: TestCertificate, trusts: String?, told: String)] = [
            (try await TestCertificate.make(), nil, "self-signed certificate"),
            (try await TestCertificate.make(), try await TestCertificate.make().path, "self-signed certificate"),
            (try await TestCertificate.make(for: "IP:127.0.0.2"), "", "127.0.0.1"),
            (try await TestCertificate.make(from: "2020-01-01"), "", "expired"),
            (try await TestCertificate.make(), folder.path + "/none.pem", folder.path + "/none.pem"),
        ]
        for (certificate, trusts, told) in cases {
            let stage = try await Stage.set(certificate)
            var settings = ["CUSTODE_BUCKET": try world.objects.setting(by: stage.url)]
            if let trusts { settings["SSL_CERT_FILE"] = trusts.isEmpty ? certificate.path : trusts }
            let (ok, detail) = try await check(world, settings)
            #expect(!ok && detail.contains("is not trusted") && detail.contains(told), "\(told): \(detail)")
            #expect(detail.contains("SSL_CERT_FILE") && detail.contains(stage.url) && !detail.contains("\n"))
            try await stage.nginx.stop()
        }
    }

    @Test("a certificate that is trusted no longer: 503 with Retry-After, the cause in the log, and nothing is sent")
    func replaced() async throws {
        let stage = try await Stage.set()
        let world = try await stage.world()
        let (job, key) = try await world.jobWith("input")
        try await stage.nginx.stop()
        let other = try await Stage.set(try await TestCertificate.make(), port: stage.nginx.port)
        let next = try await world.newJob()
        for reply in [
            try await world.put("input", of: next, Sample.wav(), type: "audio/wav"),
            try await world.get("input", of: job),
        ] {
            #expect(reply.status == 503 && reply.header("Retry-After") != nil, "\(reply.summary)")
        }
        let isTold = try await eventually {
            world.service.log.contains("is not trusted") && world.service.log.contains("self-signed certificate")
        }
        #expect(isTold, "\(world.service.log.suffix(3_000))")
        #expect(try await world.service.admin.request("GET", "/readyz").status == 503)
        #expect(try await world.objects.keys().filter { !$0.hasPrefix(".custode/") } == [key])
        try await other.nginx.stop()
        let again = try await Stage.set(stage.certificate, port: stage.nginx.port)
        let isBack = try await eventually(within: .seconds(30)) { try await world.service.isReady() }
        #expect(isBack)
        #expect(try await world.get("input", of: job).body == Sample.wav())
        try await world.close()
        try await again.nginx.stop()
    }
}
