import CustodeTesting
import Foundation
import Testing

/// The description of the API, against tools that others wrote and against the service itself.
@Suite("What the service says of itself", .timeLimit(.minutes(5)))
struct DescriptionTests {
    private static let folder = Checkout.root + "/Tests/IntegrationTests/Clients"

    /// A Python with the tools' packages; `scripts/test` makes it.
    private static let python = ProcessInfo.processInfo.environment["CUSTODE_TEST_PYTHON"] ?? "/usr/bin/python3"

    /// What the service serves, in a file of a folder that is the caller's to remove.
    private static func document(_ world: World) async throws -> (folder: TestFolder, path: String) {
        let reply = try await world.send("GET", "/openapi.json", as: .stranger)
        #expect(reply.status == 200 && reply.header("Content-Type") == "application/json")
        let folder = try TestFolder()
        let path = folder.path + "/openapi.json"
        try Data(reply.body).write(to: URL(fileURLWithPath: path))
        return (folder, path)
    }

    @Test("it is OpenAPI 3.1, and every example is as its schema wants it")
    func valid() async throws {
        let (folder, path) = try await Self.document(try await World.shared())
        defer { folder.remove() }
        let outcome = try await Command.run(Self.python, [Self.folder + "/examples.py", path])
        #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
        #expect(outcome.output.contains("ok "))
    }

    /// Requests of every kind, right and wrong: the reply's status, type, fields and JSON are as they are described.
    ///
    /// What clients stored is none of these: of its bytes nothing is promised.
    @Test("schemathesis finds no reply that is not described, and none that is the service's fault")
    func conformance() async throws {
        let world = try await World.start(settings: ["CUSTODE_POLICY_UPLOADS_MAX_OPEN_PER_USER": "100000"])
        let (folder, path) = try await Self.document(world)
        defer { folder.remove() }
        let jobs = try await world.newJobs(12).map(\.id).joined(separator: ",")
        let url = "http://127.0.0.1:\(world.service.port)"
        let environment = Command.environment.merging([
            "CUSTODE_URL": url, "CUSTODE_SERVICE_KEY": world.bothKey.text, "CUSTODE_USER": world.alice,
            "JOBS": jobs, "SCHEMATHESIS_HOOKS": "fuzz_hooks", "PYTHONPATH": Self.folder,
            "PYTHONDONTWRITEBYTECODE": "1",
        ]) { $1 }
        let checks = [
            "not_a_server_error", "status_code_conformance", "content_type_conformance",
            "response_headers_conformance", "response_schema_conformance", "allow_header_conformance",
        ]
        let phases = Checkout.isFastRun ? "examples,fuzzing" : "examples,coverage,fuzzing"
        // It keeps notes where it runs.
        let outcome = try await Command.run(
            "/bin/sh",
            [
                "-c", #"cd "$0" && exec "$@""#, folder.path, Self.python, "-m", "schemathesis.cli", "run", path,
                "--url", url, "--seed", "1", "--no-color",
                "--max-examples", Checkout.isFastRun ? "5" : "20", "--checks", checks.joined(separator: ","),
                "--phases", phases, "--continue-on-failure", "--warnings", "off", "--workers", "1",
            ], environment: environment, within: .seconds(240))
        #expect(outcome.status == 0, "\(outcome.output.suffix(8_000))\(outcome.errors)")
        let faults = world.service.log.split(separator: "\n").filter { $0.contains(#""level":"error""#) }
        #expect(faults == [])
        try await world.close()
    }

    @Test("the page for people is served, loads nothing, and its style is the one that its policy lets it use")
    func page() async throws {
        let world = try await World.shared()
        let reply = try await world.send("GET", "/docs", as: .stranger)
        #expect(reply.status == 200 && reply.header("Content-Type") == "text/html; charset=utf-8")
        #expect(reply.header("X-Content-Type-Options") == "nosniff")
        let policy = try #require(reply.header("Content-Security-Policy"))
        #expect(policy.hasPrefix("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"))
        let html = reply.text
        let start = try #require(html.range(of: "<style>")), end = try #require(html.range(of: "</style>"))
        let hash = SHA256.digest(Array(html[start.upperBound..<end.lowerBound].utf8))
        #expect(policy.contains("'sha256-\(Data(hash).base64EncodedString())'"))
        for word in ["<script", "<img", "<link", "<iframe", "<object", "<form", "@import", "url(", " style=", " src="] {
            #expect(!html.contains(word), "\(word)")
        }
        // Anchors stay on the page, but for the document it is made from.
        let targets = html.matches(of: /href="([^"]*)"/).map { String($0.output.1) }
        #expect(targets.allSatisfy { $0.hasPrefix("#") || $0 == "openapi.json" })
        let ids = Set(html.matches(of: /id="([^"]*)"/).map { "#" + $0.output.1 })
        #expect(targets.filter { $0.hasPrefix("#") && !ids.contains($0) } == [], "every one leads somewhere")
        #expect(ids.count == html.matches(of: /\ id="/).count, "no place has the name of another")
        let head = try await world.send("HEAD", "/docs", as: .stranger)
        #expect(head.status == 200 && head.body.isEmpty)
        #expect(head.header("Content-Length") == String(reply.body.count))
    }
}
