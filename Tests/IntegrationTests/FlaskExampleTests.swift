import CustodeTesting
import Foundation
import Testing

/// `scripts/examples/flask`, as a back end would use it, before a live service.
@Suite("The example for a Flask back end", .timeLimit(.minutes(5)))
struct FlaskExampleTests {
    private static let python = ProcessInfo.processInfo.environment["CUSTODE_TEST_PYTHON"] ?? "/usr/bin/python3"
    private static let driver = Checkout.root + "/Tests/IntegrationTests/Clients/flask_example.py"

    /// The back end of a world, whose way to the service may lead through a proxy.
    private struct BackEnd {
        let world: World
        let port: UInt16
        let child: ChildProcess

        static func environment(_ world: World, _ settings: [String: String] = [:]) -> [String: String] {
            let own = [
                "CUSTODE_URL": "http://127.0.0.1:\(world.service.port)",
                "CUSTODE_SERVICE_KEY": world.delegateKey.text, "CUSTODE_WORKER_KEY": world.workerKey.text,
                "PYTHONPATH": Checkout.script("examples/flask"), "PYTHONDONTWRITEBYTECODE": "1",
            ]
            return Command.environment.merging(own) { $1 }.merging(settings) { $1 }
        }

        static func start(_ world: World, _ settings: [String: String] = [:]) async throws -> BackEnd {
            let folder = try TestFolder()
            let port = try FreePort.pick()
            let child = try ChildProcess.start(
                python, [driver, "serve", String(port)], environment: environment(world, settings),
                errors: folder.path + "/log")
            let backEnd = BackEnd(world: world, port: port, child: child)
            let isUp = try await eventually(within: .seconds(30)) {
                if child.status != nil { throw HarnessError("no back end: \(folder.text("log") ?? "")") }
                return (try? await backEnd.send("GET", "/", as: nil).status) == 404
            }
            guard isUp else { throw HarnessError("no back end: \(folder.text("log") ?? "")") }
            return backEnd
        }

        func send(
            _ method: String, _ path: String, as user: String?, headers: HeaderList = [:], body: RequestBody = .none
        ) async throws -> RawResponse {
            let login: HeaderList = if let user { ["X-User": user] } else { [:] }
            return try await RawClient(port: port).request(method, path, headers: login + headers, body: body)
        }

        /// Sends an input, with the digest of these bytes if there are any.
        func upload(_ bytes: [UInt8], to job: TestJob, digestOf named: [UInt8]? = nil) async throws -> RawResponse {
            let headers: HeaderList =
                if let named { ["Content-Digest": SHA256.contentDigest(named)] } else { [:] }
            return try await send(
                "PUT", "/jobs/\(job.id)/input?filename=na%C3%AFve.wav", as: job.user,
                headers: ["Content-Type": "audio/wav"] + headers, body: .bytes(bytes))
        }
    }

    private static func work(_ job: TestJob, _ world: World, _ settings: [String: String] = [:]) async throws
        -> Command.Outcome
    {
        try await Command.run(
            python, [driver, "work", job.user, job.id], environment: BackEnd.environment(world, settings))
    }

    @Test("a file goes through the back end, out by a link and in ranges, a worker adds to it, and it goes again")
    func walk() async throws {
        let world = try await World.shared()
        let backEnd = try await BackEnd.start(world)
        defer { backEnd.child.signal(15) }
        let job = try await world.newJob()
        let sound = Sample.wav(samples: 2_500_000)
        let stored = try await backEnd.upload(sound, to: job)
        #expect(stored.status == 201, "\(stored.summary)")
        #expect(stored.json["sha256"].string == SHA256.hex(sound))

        let path = "/jobs/\(job.id)/input"
        let link = try await backEnd.send("POST", path + "/download-link", as: job.user)
        #expect(link.status == 200, "\(link.summary)")
        let target = try World.target(of: try #require(link.json["url"].string))
        let linked = try await world.send("GET", target, as: .stranger)
        #expect(linked.status == 200)
        #expect(Sample.firstDifference(linked.body, sound) == nil)
        #expect(linked.header("Content-Disposition")?.contains("na%C3%AFve.wav") == true, "\(linked.summary)")

        let whole = try await backEnd.send("GET", path, as: job.user)
        #expect(whole.status == 200)
        #expect(Sample.firstDifference(whole.body, sound) == nil)
        #expect(whole.header("X-Content-Type-Options") == "nosniff", "\(whole.summary)")
        let tag = try #require(whole.header("ETag"))
        let part = try await backEnd.send(
            "GET", path, as: job.user, headers: ["Range": "bytes=1000000-1999999", "If-Range": tag])
        #expect(part.status == 206)
        #expect(part.header("Content-Range") == "bytes 1000000-1999999/\(sound.count)")
        #expect(Sample.firstDifference(part.body, Array(sound[1_000_000..<2_000_000])) == nil)
        let head = try await backEnd.send("HEAD", path, as: job.user)
        #expect(head.status == 200 && head.header("Content-Length") == String(sound.count), "\(head.summary)")
        let known = try await backEnd.send("GET", path, as: job.user, headers: ["If-None-Match": tag])
        #expect(known.status == 304 && known.body.isEmpty)
        let beyond = try await backEnd.send("GET", path, as: job.user, headers: ["Range": "bytes=9000000-"])
        #expect(beyond.status == 416 && beyond.header("Content-Range") == "bytes */\(sound.count)", "\(beyond.summary)")

        let worked = try await Self.work(job, world)
        #expect(worked.status == 0, "\(worked.errors)")
        let transcript = try await backEnd.send("GET", "/jobs/\(job.id)/transcript", as: job.user)
        #expect(transcript.text == "\(sound.count) bytes\n", "\(transcript.summary)")
        let held = try await backEnd.send("GET", "/jobs/\(job.id)/objects", as: job.user)
        #expect(Set(held.json.array.compactMap { $0["name"].string }) == ["input", "transcript"])

        #expect(try await backEnd.send("DELETE", path, as: job.user).status == 204)
        #expect(try await backEnd.send("GET", path, as: job.user).status == 404)
        #expect(try await world.send("GET", target, as: .stranger).status == 404)
    }

    @Test("whoever is not logged in gets nothing, and another user's job is none")
    func strangers() async throws {
        let world = try await World.shared()
        let backEnd = try await BackEnd.start(world)
        defer { backEnd.child.signal(15) }
        let job = try await world.jobWithInput()
        let input = "/jobs/\(job.id)/input"
        let calls = [
            ("GET", input), ("DELETE", input), ("POST", input + "/download-link"),
            ("POST", "/jobs/\(job.id)/upload-link"), ("GET", "/jobs/\(job.id)/objects"),
        ]
        for (method, path) in calls {
            #expect(try await backEnd.send(method, path, as: nil).status == 401, "\(method) \(path)")
            let reply = try await backEnd.send(method, path, as: world.bob)
            #expect(reply.status == 404, "\(method) \(path): \(reply.summary)")
            #expect(!reply.text.contains("cus_") && !reply.text.contains(world.alice))
        }
        let other = try await backEnd.send(
            "PUT", input, as: world.bob, headers: ["Content-Type": "audio/wav"], body: .bytes(Sample.wav()))
        #expect(other.status == 404, "\(other.summary)")
        // What would lead out of the path of jobs is an id like any other.
        #expect(try await backEnd.send("GET", "/jobs/..%2F..%2Fopenapi.json/input", as: world.alice).status == 404)
        #expect(try await world.get("input", of: job).body == Sample.wav())
    }

    @Test("a browser uploads by a link, and what Custode refuses is told")
    func links() async throws {
        let world = try await World.shared()
        let backEnd = try await BackEnd.start(world)
        defer { backEnd.child.signal(15) }
        let job = try await world.newJob()
        let link = try await backEnd.send("POST", "/jobs/\(job.id)/upload-link", as: job.user)
        let target = try World.target(of: try #require(link.json["url"].string))
        #expect(link.json["method"].string == "PUT")
        let sound = Sample.wav()
        #expect(try await world.send("PUT", target, as: .stranger, body: .bytes(sound)).status == 201)
        #expect(try await world.get("input", of: job).body == sound)

        let second = try await backEnd.upload(Sample.wav(seed: 2), to: job)
        #expect(second.status == 409, "\(second.summary)")
        #expect(second.json["detail"].string?.isEmpty == false)
        let script = try await backEnd.upload(Array("#!/bin/sh\nexit\n".utf8), to: try await world.newJob())
        #expect(script.status == 415, "\(script.summary)")
    }

    @Test("an upload may be repeated: by a browser that names the digest, by a worker that lost the reply")
    func repeats() async throws {
        let world = try await World.shared()
        let proxy = try FaultProxy(to: world.service.port)
        let settings = ["CUSTODE_URL": proxy.url]
        let backEnd = try await BackEnd.start(world, settings)
        defer { backEnd.child.signal(15) }
        let job = try await world.newJob()
        let sound = Sample.wav(samples: 100_000)
        for _ in 0..<2 {
            let stored = try await backEnd.upload(sound, to: job, digestOf: sound)
            #expect(stored.status == 201, "\(stored.summary)")
        }
        let wrong = try await backEnd.upload(sound, to: try await world.newJob(), digestOf: [1])
        #expect(wrong.status == 400, "\(wrong.summary)")

        proxy.loseReply(matching: "PUT /v1/jobs/\(job.id)/transcript")
        let worked = try await Self.work(job, world, settings)
        #expect(worked.status == 0, "\(worked.errors)")
        #expect(proxy.count(matching: "/transcript") == 2)
        // Done before, and done again from the beginning.
        #expect(try await Self.work(job, world).output == worked.output)

        proxy.loseReply(matching: "DELETE /v1/jobs/\(job.id)/transcript")
        #expect(try await backEnd.send("DELETE", "/jobs/\(job.id)/transcript", as: job.user).status == 204)
        #expect(try await backEnd.send("DELETE", "/jobs/\(job.id)/transcript", as: job.user).status == 404)

        // The stream of a request is gone when it was sent: it is not sent again, and the browser is told to.
        let unlucky = try await world.newJob()
        proxy.loseReply(matching: "PUT /v1/jobs/\(unlucky.id)/input")
        let lost = try await backEnd.upload(sound, to: unlucky, digestOf: sound)
        #expect(lost.status == 503 && lost.header("Retry-After") != nil, "\(lost.summary)")
        #expect(try await backEnd.upload(sound, to: unlucky, digestOf: sound).status == 201)
    }

    @Test("back end and worker wait while the service restarts, no longer than they have patience")
    func restart() async throws {
        let world = try await World.start()
        let backEnd = try await BackEnd.start(world)
        defer { backEnd.child.signal(15) }
        let job = try await world.jobWithInput()
        let path = "/jobs/\(job.id)/input/download-link"
        #expect(try await backEnd.send("POST", path, as: job.user).status == 200)
        try await world.service.terminate()
        let impatient = try await Self.work(job, world, ["PATIENCE": "0.5"])
        #expect(impatient.status == 1 && impatient.errors.contains("Unreachable"), "\(impatient.errors)")
        async let link = backEnd.send("POST", path, as: job.user)
        async let worked = Self.work(job, world)
        try await world.service.start()
        #expect(try await link.status == 200)
        #expect(try await worked.status == 0)
        #expect(try await world.get("transcript", of: job).text == "\(Sample.wav().count) bytes\n")
        try await world.close()
    }
}
