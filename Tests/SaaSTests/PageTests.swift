import CustodeTesting
import Foundation
import Testing

@Suite("The page: files of the program, and a browser held to them")
struct PageTests {
    private static let world = Once { try await SaaSWorld.start() }
    private static let folder = Checkout.root + "/Sources/saas-api/Page"

    @Test("every file of the page is served as it is, typed, and asked for anew each time")
    func files() async throws {
        let world = try await Self.world.value()
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder) {
            let reply = try await world.api.client.request("GET", name == "index.html" ? "/" : "/" + name)
            let type = ["html": "text/html", "css": "text/css", "js": "text/javascript"][
                name.split(separator: ".").last ?? ""]
            #expect(reply.status == 200 && reply.header("Content-Type") == "\(type ?? "?"); charset=utf-8", "\(name)")
            #expect(reply.header("Cache-Control") == "no-cache")
            let file = [UInt8](try Data(contentsOf: URL(filePath: Self.folder + "/" + name)))
            #expect(Sample.firstDifference(reply.body, file) == nil, "\(name)")
            let head = try await world.api.client.request("HEAD", name == "index.html" ? "/" : "/" + name)
            #expect(head.status == 200 && head.header("Content-Length") == "\(file.count)", "\(head.summary)")
        }
    }

    @Test("a strict policy on every reply, refusals too: no code but the page's, no frame, no referrer")
    func policy() async throws {
        let world = try await Self.world.value()
        for target in ["/", "/main.js", "/saas/config", "/saas/jobs", "/nothing"] {
            let reply = try await world.api.client.request("GET", target)
            let policy = try #require(reply.header("Content-Security-Policy"))
            let custode = "http://127.0.0.1:\(world.custode.service.port)"
            #expect(
                policy == "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                    + "connect-src 'self' https://tenant.example \(custode); form-action 'none'; base-uri 'none'; "
                    + "frame-ancestors 'none'")
            #expect(reply.header("X-Content-Type-Options") == "nosniff")
            #expect(reply.header("Referrer-Policy") == "no-referrer")
        }
    }

    @Test("nothing of the page comes from elsewhere, and nothing of it is written into the document by script")
    func assets() throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: Self.folder) {
            let text = try String(contentsOfFile: Self.folder + "/" + name, encoding: .utf8)
            for foreign in [
                "http://", "https://", "//cdn", "innerHTML", "outerHTML", "eval(", "document.write", "onclick=",
            ] {
                #expect(!text.contains(foreign), "\(name) has \(foreign)")
            }
        }
    }

    @Test("the configuration tells the page where to sign in and what there is, and nothing secret")
    func config() async throws {
        let world = try await Self.world.value()
        let reply = try await world.api.client.request("GET", "/saas/config")
        #expect(reply.json["issuer"].string == world.issuer.issuer && reply.json["client_id"] == "page")
        #expect(reply.json["audience"].string == world.issuer.audience)
        for secret in [world.custode.bothKey.text, SaaSWorld.stripeKey, SaaSWorld.webhookSecret, "postgres"] {
            #expect(!reply.text.contains(secret))
        }
    }
}
