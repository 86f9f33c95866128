import CustodeTesting
import Foundation
import Testing

/// Clients that others wrote, and scripts that hold the service to the letter of both protocols.
@Suite("Real clients", .serialized, .timeLimit(.minutes(5)))
struct ClientTests {
    private static let folder = Checkout.root + "/Tests/ResumableTests/Clients"

    /// A Python with the clients' packages; `scripts/test` makes it.
    private static let python = ProcessInfo.processInfo.environment["CUSTODE_TEST_PYTHON"] ?? "/usr/bin/python3"

    /// Runs one of the scripts, which must succeed.
    private static func run(
        _ script: String, _ arguments: [String] = [], _ world: World, _ settings: [String: String],
        port: UInt16? = nil
    ) async throws -> String {
        let environment = Command.environment.merging(
            [
                "CUSTODE_URL": "http://127.0.0.1:\(port ?? world.service.port)", "PYTHONDONTWRITEBYTECODE": "1",
            ]
        ) { $1 }.merging(settings) { $1 }
        let outcome = try await Command.run(
            python, [folder + "/" + script] + arguments, environment: environment, within: .seconds(120))
        #expect(outcome.status == 0, "\(script) \(arguments): \(outcome.output) \(outcome.errors)")
        return outcome.output
    }

    private static func key(_ world: World) -> [String: String] {
        ["CUSTODE_SERVICE_KEY": world.bothKey.text, "CUSTODE_USER": world.alice, "OTHER_USER": world.bob]
    }

    /// A folder with a sound to send.
    private static func file(_ bytes: [UInt8]) throws -> (folder: TestFolder, path: String) {
        let folder = try TestFolder()
        let path = folder.path + "/sound.wav"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return (folder, path)
    }

    @Test(
        "tuspy uploads, resumes, checks and tries again", arguments: BucketKind.allCases,
        ["whole", "resume", "checksum", "flaky"])
    func tuspy(kind: BucketKind, command: String) async throws {
        let world = try await kind.shared()
        let job = try await world.newJob()
        let bytes = sound(1_000_000)
        let file = try Self.file(bytes)
        let settings = ["JOB": job.id, "FILE": file.path, "CHUNK": "150000"]
        _ = try await Self.run("tuspy_upload.py", [command], world, Self.key(world).merging(settings) { $1 })
        try await world.expect(of: job, is: bytes)
    }

    @Test("tuspy resumes under an upload link alone")
    func tuspyByLink() async throws {
        let world = try await BucketKind.directory.shared()
        let job = try await world.newJob()
        let bytes = sound(1_000_000)
        let file = try Self.file(bytes)
        let token = try await world.link("input", of: job, ["operation": "upload"]).dropFirst(3)
        let settings = ["CUSTODE_TOKEN": String(token), "FILE": file.path, "CHUNK": "150000"]
        _ = try await Self.run("tuspy_upload.py", ["resume"], world, settings)
        try await world.expect(of: job, is: bytes)
    }

    @Test("aiotus uploads, reads metadata back, and joins parallel uploads", arguments: BucketKind.allCases)
    func aiotus(kind: BucketKind) async throws {
        let world = try await kind.shared()
        let bytes = sound(1_000_000)
        let file = try Self.file(bytes)
        for command in ["whole", "metadata", "parallel"] {
            let job = try await world.newJob()
            let settings = ["JOB": job.id, "FILE": file.path, "CHUNK": "150000"]
            _ = try await Self.run("aiotus_upload.py", [command], world, Self.key(world).merging(settings) { $1 })
            if command != "parallel" { try await world.expect(of: job, is: bytes) }
            #expect(try await world.get("input", of: job).status == 200)
        }
    }

    @Test(
        "the letter of tus 1.0.0 and of the draft, over raw sockets", arguments: BucketKind.allCases,
        ["raw_tus.py", "raw_rufh.py"])
    func raw(kind: BucketKind, script: String) async throws {
        let origin = "http://page.example"
        let world = try await kind.world(["CUSTODE_CORS_ORIGINS": origin])
        let file = try Self.file(sound(300_000))
        let jobs = try await world.newJobs(60).map(\.id).joined(separator: ",")
        let settings = ["JOBS": jobs, "FILE": file.path, "ORIGIN": origin]
        let output = try await Self.run(script, [], world, Self.key(world).merging(settings) { $1 })
        #expect(output.split(separator: "\n").count { $0.hasPrefix("ok ") } > 30, "\(output)")
    }

    @Test(
        "a page of another origin uploads in Chromium, gives up half-way and goes on", arguments: BucketKind.allCases)
    func browser(kind: BucketKind) async throws {
        let port = try FreePort.pick()
        let world = try await kind.world(["CUSTODE_CORS_ORIGINS": "http://127.0.0.1:\(port)"])
        let job = try await world.newJob()
        let token = try await world.link("input", of: job, ["operation": "upload"]).dropFirst(3)
        let settings = ["TOKEN": String(token), "PAGE_PORT": String(port), "SIZE": "8388608"]
        _ = try await Self.run("browser.py", [], world, settings)
        #expect(try await world.get("input", of: job).body.count == 8_388_608)
    }

    @Test("curl, which waits a second for 100-continue before a large body, need not", arguments: BucketKind.allCases)
    func curl(kind: BucketKind) async throws {
        let world = try await kind.shared()
        var fastest = Duration.seconds(60)
        for _ in 0..<3 {
            let job = try await world.newJob()
            let bytes = sound(3_000_000)
            let file = try Self.file(bytes)
            let upload = try await world.begin(bytes.count, of: job)
            let fields =
                upload.credentials + tus + [
                    "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream",
                ]
            let headers = fields.fields.flatMap { ["-H", "\($0.name): \($0.value)"] }
            let started = ContinuousClock.now
            let status = try await Command.succeed(
                try #require(Checkout.tool("curl")),
                headers + [
                    "-s", "-X", "PATCH", "--data-binary", "@" + file.path, "-w", "%{http_code}",
                    "http://127.0.0.1:\(world.service.port)\(upload.target)",
                ])
            fastest = min(fastest, .now - started)
            #expect(status == "204")
            try await world.expect(of: job, is: bytes)
        }
        #expect(fastest < .milliseconds(900), "\(fastest)")
    }

    @Test("nginx in front, as shipped, hands the bytes on as they come, and interim replies do no harm")
    func behindNginx() async throws {
        let port = try FreePort.pick()
        let prefix = "/custode-internal/"
        let world = try await World.start(settings: ["CUSTODE_PUBLIC_URL": "http://127.0.0.1:\(port)"])
        let nginx = try await NginxProxy.start(
            before: world.service.port, port: port, bucket: world.bucket, prefix: prefix)
        let job = try await world.newJob()
        let bytes = sound(2_000_000)
        let upload = Upload(
            client: nginx.client, target: try await world.begin(bytes.count, of: job).target,
            credentials: world.credentials(of: .alice))
        let stalled = try await upload.stall(Array(bytes[..<1_000_000]), of: bytes.count, at: 0)
        let direct = Upload(
            client: world.service.client, target: upload.target, credentials: upload.credentials)
        let hasCome = try await eventually { try await direct.offset() == 1_000_000 }
        #expect(hasCome, "nothing is kept back")
        #expect(try await stalled.isClosed(within: .seconds(5)))
        let file = try Self.file(bytes)
        let settings = ["JOB": try await world.newJob().id, "FILE": file.path, "CHUNK": "150000"]
        for command in ["resume", "flaky"] {
            let fresh = ["JOB": try await world.newJob().id]
            _ = try await Self.run(
                "tuspy_upload.py", [command], world,
                Self.key(world).merging(settings) { $1 }.merging(fresh) { $1 }, port: port)
        }
        #expect(try await upload.patch(Array(bytes[1_000_000...]), at: 1_000_000).status == 204)
        try await world.expect(of: job, is: bytes)
        try await nginx.stop()
    }
}
